//! An error with its causes, for one line of the log. The `Debug` form of an [`anyhow::Error`] has several lines, and a backtrace
//! if `RUST_BACKTRACE` is set.

use std::error::Error;

/// `Discord could not be reached: connection refused`.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        // Many errors repeat their cause in their own text.
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fmt::{self, Display, Formatter};

    use super::*;

    #[derive(Debug)]
    struct Link(&'static str, Option<Box<Self>>);

    impl Display for Link {
        fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Link {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    #[test]
    fn a_cause_that_the_error_names_itself_is_not_repeated() {
        let cause = Link("error 14", Some(Box::new(Link("no such folder", None))));
        let error = Link("it cannot be opened (error 14)", Some(Box::new(cause)));
        assert_eq!(with_causes(&error), "it cannot be opened (error 14): no such folder");
    }
}
