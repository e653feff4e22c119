# Turns what `go build -v` prints into a line for every hundred packages. What is
# neither a package nor a download is a complaint, and passes.
/^go: downloading / { if (++modules % 100 == 0) tell("  " modules " modules fetched"); next }
/[ \t]/             { tell($0); next }
                    { if (++packages % 100 == 0) tell("  " packages " packages compiled") }
function tell(line) { print line; fflush() }
