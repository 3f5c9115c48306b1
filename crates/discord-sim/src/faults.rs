//! What goes wrong with REST calls on request.

use std::time::Duration;

/// What happens to a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// 429 with `retry_after`, and the call has no effect.
    RateLimited { retry_after: Duration, global: bool },
    /// A status such as 500 or 503, and the call has no effect.
    Status(u16),
    /// The connection is reset before the call has an effect.
    Reset,
    /// No answer ever, and no effect.
    Hang,
    /// The call is carried out, but late.
    Delay(Duration),
    /// The call is carried out, then the connection is reset: the answer is lost.
    EffectThenReset,
    /// The call is carried out, but no answer ever comes.
    EffectThenHang,
}

#[derive(Debug, Default)]
pub(crate) struct Plan {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    method: String,
    path: String,
    left: usize,
    fault: Fault,
}

impl Plan {
    /// Plans a fault for the next `count` calls like `POST /channels/*/messages`. A `*` stands for one part of
    /// the path or for any method, `**` at the end for all the rest.
    pub(crate) fn add(&mut self, count: usize, call: &str, fault: Fault) {
        let (method, path) = call.split_once(' ').unwrap_or(("*", call));
        self.rules.push(Rule {
            method: method.into(),
            path: path.into(),
            left: count,
            fault,
        });
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// The fault for this call, by the rule that was made first.
    pub(crate) fn take(&mut self, method: &str, path: &str) -> Option<Fault> {
        let index = self.rules.iter().position(|rule| {
            (rule.method == "*" || rule.method.eq_ignore_ascii_case(method)) && matches(&rule.path, path)
        })?;
        let rule = &mut self.rules[index];
        rule.left = rule.left.saturating_sub(1);
        let fault = rule.fault.clone();
        if rule.left == 0 {
            self.rules.remove(index);
        }
        Some(fault)
    }
}

/// Whether a path such as `/channels/1/messages` fits a pattern such as `/channels/*/messages`.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    let mut parts = path.trim_matches('/').split('/');
    for wanted in pattern.trim_matches('/').split('/') {
        if wanted == "**" {
            return true;
        }
        match parts.next() {
            Some(part) if wanted == "*" || wanted == part => {}
            _ => return false,
        }
    }
    parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_part_by_part() {
        assert!(matches("/channels/*/messages", "/channels/12/messages"));
        assert!(!matches("/channels/*/messages", "/channels/12/messages/13"));
        assert!(matches("/channels/**", "/channels/12/messages/13"));
        assert!(matches("**", "/gateway"));
    }

    #[test]
    fn a_rule_is_used_up() {
        let mut plan = Plan::default();
        plan.add(2, "GET /gateway", Fault::Reset);
        assert_eq!(plan.take("POST", "/gateway"), None);
        assert_eq!(plan.take("GET", "/gateway"), Some(Fault::Reset));
        assert_eq!(plan.take("GET", "/gateway"), Some(Fault::Reset));
        assert_eq!(plan.take("GET", "/gateway"), None);
    }
}
