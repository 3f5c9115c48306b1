# The table of PostgreSQL versions and stories, from one JUnit report a version. `./dev matrix` runs it:
#     awk -v releases="13.23.0 14.23.0 …" -f tests/matrix.awk 13.xml 14.xml … >docs/postgres-versions.md

function attribute(line, name,    found) {
    if (!match(line, " " name "=\"[^\"]*\"")) return ""
    found = substr(line, RSTART, RLENGTH)
    sub(/^[^"]*"/, "", found)
    sub(/"$/, "", found)
    return found
}

FNR == 1 { version++ }

/<testcase / {
    # killgate::stories and approving::directly::what_it_says
    suite = attribute($0, "classname")
    sub(/.*::/, "", suite)
    count = split(attribute($0, "name"), part, "::")
    chapter = suite ": " part[1]
    sentence = part[count]
    gsub(/_/, " ", sentence)
    if (part[2] == "directly") sentence = sentence " (direct)"
    if (part[2] == "through_the_guard") sentence = sentence " (guard)"
    story = chapter "\t" sentence
    if (!(story in known)) {
        known[story]
        stories[++told] = story
    }
    result[story, version] = "✓"
}

/<(failure|error)[ >\/]/ { result[story, version] = "✗" }

END {
    versions = split(releases, release, " ")
    # Chapter by chapter, and within it by sentence: insertion is fast enough for some hundreds.
    for (i = 2; i <= told; i++) {
        for (j = i; j > 1 && stories[j] < stories[j - 1]; j--) {
            swap = stories[j]; stories[j] = stories[j - 1]; stories[j - 1] = swap
        }
    }
    print "# Every story on every PostgreSQL\n"
    print "`./dev matrix` runs them and writes this page; what is on it was seen, on servers of these releases. A story of"
    print "`stories` is the whole of killgate as a process, a real server and a simulated Discord; one of `postgres` is its"
    print "PostgreSQL side alone. (direct) and (guard) tell the same story under either [right to signal](postgres.md).\n"
    heading = "| |"
    rule = "|---|"
    for (v = 1; v <= versions; v++) {
        sub(/\.0$/, "", release[v])
        heading = heading " " release[v] " |"
        rule = rule "---|"
    }
    print heading "\n" rule
    total = "| passed |"
    for (v = 1; v <= versions; v++) {
        passed = 0
        for (i = 1; i <= told; i++) if (result[stories[i], v] == "✓") passed++
        total = total " " passed " of " told " |"
    }
    print total
    last = ""
    for (i = 1; i <= told; i++) {
        split(stories[i], part, "\t")
        if (part[1] != last) {
            print "\n## " part[1] "\n\n" heading "\n" rule
            last = part[1]
        }
        row = "| " part[2] " |"
        for (v = 1; v <= versions; v++) row = row " " ((stories[i], v) in result ? result[stories[i], v] : "–") " |"
        print row
    }
}
