# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_killgate_global_optspecs
    string join \n h/help V/version
end

function __fish_killgate_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_killgate_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_killgate_using_subcommand
    set -l cmd (__fish_killgate_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c killgate -n "__fish_killgate_needs_command" -s h -l help -d 'Print help'
complete -c killgate -n "__fish_killgate_needs_command" -s V -l version -d 'Print version'
complete -c killgate -n "__fish_killgate_needs_command" -f -a "run" -d 'Runs the bot until SIGTERM or SIGINT. SIGHUP reads the configuration again'
complete -c killgate -n "__fish_killgate_needs_command" -f -a "check" -d 'Checks every precondition, and says how to fix what is missing'
complete -c killgate -n "__fish_killgate_needs_command" -f -a "health" -d 'Asks the killgate that runs here, at its `[http]` address, whether it is alive: for a container\'s health check'
complete -c killgate -n "__fish_killgate_needs_command" -f -a "audit" -d 'Reads the ledger, also while the bot runs'
complete -c killgate -n "__fish_killgate_needs_command" -f -a "guard-sql" -d 'Prints the SQL that installs the guard and the roles, for `psql -v ON_ERROR_STOP=1 -f -` as a superuser'
complete -c killgate -n "__fish_killgate_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c killgate -n "__fish_killgate_using_subcommand run" -l config -d 'The configuration file' -r -F
complete -c killgate -n "__fish_killgate_using_subcommand run" -l log-format -d 'The format of log lines' -r -f -a "text\t'For people at a terminal'
json\t'One JSON object a line, for machines'"
complete -c killgate -n "__fish_killgate_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c killgate -n "__fish_killgate_using_subcommand check" -l config -d 'The configuration file' -r -F
complete -c killgate -n "__fish_killgate_using_subcommand check" -l json -d 'Prints one JSON array instead of lines'
complete -c killgate -n "__fish_killgate_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c killgate -n "__fish_killgate_using_subcommand health" -l config -d 'The configuration file' -r -F
complete -c killgate -n "__fish_killgate_using_subcommand health" -l ready -d 'Asks whether it is the active replica, connected, and able to write its ledger. A standby is not'
complete -c killgate -n "__fish_killgate_using_subcommand health" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c killgate -n "__fish_killgate_using_subcommand audit; and not __fish_seen_subcommand_from export verify report help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c killgate -n "__fish_killgate_using_subcommand audit; and not __fish_seen_subcommand_from export verify report help" -f -a "export" -d 'Prints the ledger, one JSON object a line, oldest first'
complete -c killgate -n "__fish_killgate_using_subcommand audit; and not __fish_seen_subcommand_from export verify report help" -f -a "verify" -d 'Verifies the hash chain and names the first broken record'
complete -c killgate -n "__fish_killgate_using_subcommand audit; and not __fish_seen_subcommand_from export verify report help" -f -a "report" -d 'Prints what happened to one request, as Markdown for a post-mortem'
complete -c killgate -n "__fish_killgate_using_subcommand audit; and not __fish_seen_subcommand_from export verify report help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c killgate -n "__fish_killgate_using_subcommand audit; and __fish_seen_subcommand_from export" -l config -d 'The configuration file' -r -F
complete -c killgate -n "__fish_killgate_using_subcommand audit; and __fish_seen_subcommand_from export" -l since -d 'Only records of this time or later (RFC 3339)' -r
complete -c killgate -n "__fish_killgate_using_subcommand audit; and __fish_seen_subcommand_from export" -l request -d 'Only records of the request with this number' -r
complete -c killgate -n "__fish_killgate_using_subcommand audit; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c killgate -n "__fish_killgate_using_subcommand audit; and __fish_seen_subcommand_from verify" -l config -d 'The configuration file' -r -F
complete -c killgate -n "__fish_killgate_using_subcommand audit; and __fish_seen_subcommand_from verify" -l expect -d 'A hash from an earlier verification, which must still be in the chain: 64 hexadecimal digits' -r
complete -c killgate -n "__fish_killgate_using_subcommand audit; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c killgate -n "__fish_killgate_using_subcommand audit; and __fish_seen_subcommand_from report" -l config -d 'The configuration file' -r -F
complete -c killgate -n "__fish_killgate_using_subcommand audit; and __fish_seen_subcommand_from report" -l request -d 'The number of the request' -r
complete -c killgate -n "__fish_killgate_using_subcommand audit; and __fish_seen_subcommand_from report" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c killgate -n "__fish_killgate_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "export" -d 'Prints the ledger, one JSON object a line, oldest first'
complete -c killgate -n "__fish_killgate_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Verifies the hash chain and names the first broken record'
complete -c killgate -n "__fish_killgate_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "report" -d 'Prints what happened to one request, as Markdown for a post-mortem'
complete -c killgate -n "__fish_killgate_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c killgate -n "__fish_killgate_using_subcommand guard-sql" -l role -d 'The login role that the bot uses. It is created without a password when it does not exist' -r
complete -c killgate -n "__fish_killgate_using_subcommand guard-sql" -s h -l help -d 'Print help'
complete -c killgate -n "__fish_killgate_using_subcommand help; and not __fish_seen_subcommand_from run check health audit guard-sql help" -f -a "run" -d 'Runs the bot until SIGTERM or SIGINT. SIGHUP reads the configuration again'
complete -c killgate -n "__fish_killgate_using_subcommand help; and not __fish_seen_subcommand_from run check health audit guard-sql help" -f -a "check" -d 'Checks every precondition, and says how to fix what is missing'
complete -c killgate -n "__fish_killgate_using_subcommand help; and not __fish_seen_subcommand_from run check health audit guard-sql help" -f -a "health" -d 'Asks the killgate that runs here, at its `[http]` address, whether it is alive: for a container\'s health check'
complete -c killgate -n "__fish_killgate_using_subcommand help; and not __fish_seen_subcommand_from run check health audit guard-sql help" -f -a "audit" -d 'Reads the ledger, also while the bot runs'
complete -c killgate -n "__fish_killgate_using_subcommand help; and not __fish_seen_subcommand_from run check health audit guard-sql help" -f -a "guard-sql" -d 'Prints the SQL that installs the guard and the roles, for `psql -v ON_ERROR_STOP=1 -f -` as a superuser'
complete -c killgate -n "__fish_killgate_using_subcommand help; and not __fish_seen_subcommand_from run check health audit guard-sql help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c killgate -n "__fish_killgate_using_subcommand help; and __fish_seen_subcommand_from audit" -f -a "export" -d 'Prints the ledger, one JSON object a line, oldest first'
complete -c killgate -n "__fish_killgate_using_subcommand help; and __fish_seen_subcommand_from audit" -f -a "verify" -d 'Verifies the hash chain and names the first broken record'
complete -c killgate -n "__fish_killgate_using_subcommand help; and __fish_seen_subcommand_from audit" -f -a "report" -d 'Prints what happened to one request, as Markdown for a post-mortem'
