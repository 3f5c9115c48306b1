//! Faults of REST calls, on request.

use std::time::Duration;

/// What goes wrong with a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// 429 with `retry_after`, and the call has no effect.
    RateLimited { retry_after: Duration, global: bool },
    /// A status such as 500 or 503, and the call has no effect.
    Status(u16),
    /// An error of Discord's own with this code, such as 404 with 10008, and the call has no effect.
    Error { status: u16, code: u32 },
    /// 429 with code 30046 for one message, and the call has no effect.
    EditedTooOften { retry_after: Duration },
    /// The call takes effect, and is answered with an error of Discord's own.
    EffectThenError { status: u16, code: u32 },
    /// The connection is reset before the call has an effect.
    Reset,
    /// The call has no effect and is never answered.
    Hang,
    /// The call takes effect late.
    Delay(Duration),
    /// The call takes effect, then the connection is reset, so the answer is lost.
    EffectThenReset,
    /// The call takes effect but is never answered.
    EffectThenHang,
}

#[derive(Debug, Default)]
pub(crate) struct FaultPlan {
    rules: Vec<FaultRule>,
}

#[derive(Debug)]
struct FaultRule {
    method: String,
    path: String,
    left: usize,
    fault: Fault,
}

impl FaultPlan {
    /// Plans a fault for the next `count` calls that match, such as `POST /channels/*/messages`. `*` matches one segment of
    /// the path, or any method; `**` at the end matches the rest.
    pub(crate) fn add(&mut self, count: usize, call: &str, fault: Fault) {
        let (method, path) = call.split_once(' ').unwrap_or(("*", call));
        self.rules.push(FaultRule { method: method.into(), path: path.into(), left: count, fault });
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// The fault for this call, from the oldest matching rule.
    pub(crate) fn next_fault(&mut self, method: &str, path: &str) -> Option<Fault> {
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

/// Whether a path such as `/channels/1/messages` matches a pattern such as `/channels/*/messages`.
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
    fn a_pattern_matches_segment_by_segment() {
        assert!(matches("/channels/*/messages", "/channels/12/messages"));
        assert!(!matches("/channels/*/messages", "/channels/12/messages/13"));
        assert!(matches("/channels/**", "/channels/12/messages/13"));
        assert!(matches("**", "/gateway"));
    }

    #[test]
    fn a_rule_applies_only_count_times() {
        let mut plan = FaultPlan::default();
        plan.add(2, "GET /gateway", Fault::Reset);
        assert_eq!(plan.next_fault("POST", "/gateway"), None);
        assert_eq!(plan.next_fault("GET", "/gateway"), Some(Fault::Reset));
        assert_eq!(plan.next_fault("GET", "/gateway"), Some(Fault::Reset));
        assert_eq!(plan.next_fault("GET", "/gateway"), None);
    }
}
