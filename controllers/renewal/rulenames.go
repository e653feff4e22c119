package renewal

// RuleNames are the names of the rules in the order in which they are asked. The
// first that decides is Plan.Rule.
func RuleNames() []string {
	names := make([]string, len(rules))
	for i, r := range rules {
		names[i] = r.name
	}
	return names
}
