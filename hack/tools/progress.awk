# Reads what `go build -v` prints and reports every hundredth package. It passes on lines
# that are neither a package nor a download, which are messages.
/^$/                { next }
/^go: downloading / { if (++modules % 100 == 0) tell("  " modules " modules downloaded"); next }
/ \[.*\.test\]$/    { count(); next } # a package, compiled again for its tests
/[ \t]/             { tell($0); next }
                    { count() }
function count()    { if (++packages % 100 == 0) tell("  " packages " packages compiled") }
function tell(line) { print line; fflush() }
