package main

import "github.com/xtracta/billing-operator/controllers/endpoint"

// isSafeTarget reports whether a browser may open the text, and a terminal may show it.
// Somebody may have edited the Secret, and a launcher of URLs also opens files and starts
// programs. The rules are those by which the controller accepts a URL from the endpoint,
// but for the hosts, which only the controller's flags name.
func isSafeTarget(text string) bool { return endpoint.URLPolicy{}.Check(text) == nil }
