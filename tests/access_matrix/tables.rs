//! The expected results: a row for each person, a column for each state.

/// The results of reactions. The request needs two approvals. In `one_of_two` and `limited`, `first` has approved. In
/// `limited`, the signals per hour are used up as well. `expired` is a request that has not been closed yet.
pub(crate) const APPROVE: &str = "
                   open             one_of_two       limited          expired  executing  ended
requester          self_approval    self_approval    self_approval    expired  closed     closed
requester_and_dba  self_approval    self_approval    self_approval    expired  closed     closed
first              approved         nothing          nothing          expired  closed     closed
dba                approved         executing        limited          expired  closed     closed
named              approved         executing        limited          expired  closed     closed
other_oncall       not_an_approver  not_an_approver  not_an_approver  expired  closed     closed
viewer             not_an_approver  not_an_approver  not_an_approver  expired  closed     closed
administrator      not_an_approver  not_an_approver  not_an_approver  expired  closed     closed
stranger           not_an_approver  not_an_approver  not_an_approver  expired  closed     closed
bot                bot              bot              bot              expired  bot        bot
";

pub(crate) const DENY: &str = "
                   open             one_of_two       limited          expired  executing  ended
requester          withdrawn        withdrawn        withdrawn        expired  closed     closed
requester_and_dba  withdrawn        withdrawn        withdrawn        expired  closed     closed
first              denied           denied           denied           expired  closed     closed
dba                denied           denied           denied           expired  closed     closed
named              denied           denied           denied           expired  closed     closed
other_oncall       not_an_approver  not_an_approver  not_an_approver  expired  closed     closed
viewer             not_an_approver  not_an_approver  not_an_approver  expired  closed     closed
administrator      not_an_approver  not_an_approver  not_an_approver  expired  closed     closed
stranger           not_an_approver  not_an_approver  not_an_approver  expired  closed     closed
bot                bot              bot              bot              expired  bot        bot
";

pub(crate) const RETRACT: &str = "
                   open     one_of_two        limited           expired  executing  ended
requester          nothing  nothing           nothing           nothing  nothing    nothing
requester_and_dba  nothing  nothing           nothing           nothing  nothing    nothing
first              nothing  approval_removed  approval_removed  nothing  nothing    nothing
dba                nothing  nothing           nothing           nothing  nothing    nothing
named              nothing  nothing           nothing           nothing  nothing    nothing
other_oncall       nothing  nothing           nothing           nothing  nothing    nothing
viewer             nothing  nothing           nothing           nothing  nothing    nothing
administrator      nothing  nothing           nothing           nothing  nothing    nothing
stranger           nothing  nothing           nothing           nothing  nothing    nothing
bot                nothing  nothing           nothing           nothing  nothing    nothing
";

/// Commands: what `/terminate` leads to for a session that is free, already asked about, protected or no longer there;
/// and beyond the limits on open requests (of the person, of all) and on signals.
pub(crate) const ASK: &str = "
                   free             asked_about      protected        gone             many_of_theirs   many             signals_used_up
requester          asked            already_open     protected        no_such_backend  limited_person   limited_all      limited_signals
requester_and_dba  asked            already_open     protected        no_such_backend  limited_person   limited_all      limited_signals
first              not_a_requester  not_a_requester  not_a_requester  not_a_requester  not_a_requester  not_a_requester  not_a_requester
dba                not_a_requester  not_a_requester  not_a_requester  not_a_requester  not_a_requester  not_a_requester  not_a_requester
named              not_a_requester  not_a_requester  not_a_requester  not_a_requester  not_a_requester  not_a_requester  not_a_requester
other_oncall       asked            already_open     protected        no_such_backend  limited_person   limited_all      limited_signals
viewer             not_a_requester  not_a_requester  not_a_requester  not_a_requester  not_a_requester  not_a_requester  not_a_requester
administrator      not_a_requester  not_a_requester  not_a_requester  not_a_requester  not_a_requester  not_a_requester  not_a_requester
stranger           not_a_requester  not_a_requester  not_a_requester  not_a_requester  not_a_requester  not_a_requester  not_a_requester
bot                not_a_requester  not_a_requester  not_a_requester  not_a_requester  not_a_requester  not_a_requester  not_a_requester
";

pub(crate) const VIEW: &str = "
                   anytime
requester          yes
requester_and_dba  yes
first              yes
dba                yes
named              yes
other_oncall       yes
viewer             yes
administrator      no
stranger           no
bot                no
";
