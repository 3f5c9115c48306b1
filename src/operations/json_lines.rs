//! Log lines as flat JSON objects, so that `request` is at the same place in every line.

use std::fmt;

use serde::ser::{SerializeMap as _, Serializer as _};
use serde_json::{Map, Value};
use tracing::{Event, Subscriber};
use tracing_serde::{AsSerde, SerdeMapVisitor};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, Scope};

/// The fields `timestamp`, `level` and `module`, then the fields of the spans, then those of the event with its `message`.
pub(super) struct JsonLines;

impl<S> FormatEvent<S, JsonFields> for JsonLines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let line = line(context, event, &timestamp).map_err(|_| fmt::Error)?;
        writeln!(writer, "{line}")
    }
}

fn line<S>(
    context: &FmtContext<'_, S, JsonFields>,
    event: &Event<'_>,
    timestamp: &str,
) -> serde_json::Result<String>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let mut line = Vec::new();
    let mut json = serde_json::Serializer::new(&mut line);
    let mut map = json.serialize_map(None)?;
    map.serialize_entry("timestamp", timestamp)?;
    map.serialize_entry("level", &event.metadata().level().as_serde())?;
    map.serialize_entry("module", event.metadata().target())?;
    let spans = context.event_scope().into_iter().flat_map(Scope::from_root);
    for span in spans {
        let extensions = span.extensions();
        let Some(fields) = extensions.get::<FormattedFields<JsonFields>>() else {
            continue;
        };
        // The layer has just formatted them as JSON.
        let fields: Map<String, Value> = serde_json::from_str(&fields.fields).unwrap_or_default();
        for (name, value) in &fields {
            map.serialize_entry(name, value)?;
        }
    }
    let mut fields = SerdeMapVisitor::new(map);
    event.record(&mut fields);
    fields.finish()?;
    Ok(String::from_utf8_lossy(&line).into_owned())
}
