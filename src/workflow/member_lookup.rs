//! Looks up who people are in the guild now.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{BoxStream, FuturesUnordered, StreamExt};
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::ports::{DeliveryError, IncidentChannel};
use crate::domain::ids::{Person, UserId};

/// How long after Discord said that a person is no member they are looked up again.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(3);
/// How many people are looked up at the same time.
const CONCURRENT_LOOKUPS: usize = 8;

/// Looks people up, several at the same time. If Discord says that somebody is no member, they are looked up again some
/// seconds later, while the others are looked up. So people who left delay a read only once.
pub(super) fn look_up_members(
    channel: &Arc<dyn IncidentChannel>,
    users: impl IntoIterator<Item = UserId>,
) -> BoxStream<'static, (UserId, Result<Option<Person>, DeliveryError>)> {
    let limit = Arc::new(Semaphore::new(CONCURRENT_LOOKUPS));
    let lookups = users.into_iter().map(|user| {
        let (channel, limit) = (Arc::clone(channel), Arc::clone(&limit));
        async move {
            let mut member = look_up(&*channel, &limit, user).await;
            if matches!(member, Ok(None)) {
                sleep(ASK_AGAIN_AFTER).await;
                member = look_up(&*channel, &limit, user).await;
            }
            (user, member)
        }
    });
    lookups.collect::<FuturesUnordered<_>>().boxed()
}

async fn look_up(
    channel: &dyn IncidentChannel,
    limit: &Semaphore,
    user: UserId,
) -> Result<Option<Person>, DeliveryError> {
    // It is never closed.
    let _permit = limit.acquire().await;
    channel.member(user).await
}
