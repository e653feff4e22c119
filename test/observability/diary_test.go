package observability

import "time"

// diary says when which alerts must be raised, and when not.
type diary struct {
	server  *server
	entries []entry
}

// entry is one look at an alert.
type entry struct {
	at    time.Time
	alert string
	// labels are those that the alert is raised with; nil when it must be quiet.
	labels map[string]string
}

// fires notes that an alert must be raised now, once, with these labels.
func (d *diary) fires(alert string, labels map[string]string) {
	d.server.t.Logf("scrape %d: %s is raised", d.server.scrapes(), alert)
	d.entries = append(d.entries, entry{d.lastScrape(), alert, labels})
}

// quiet notes that an alert must not be raised now.
func (d *diary) quiet(alert string) {
	d.entries = append(d.entries, entry{d.lastScrape(), alert, nil})
}

func (d *diary) lastScrape() time.Time {
	for _, found := range d.server.query("timestamp(up)") {
		return instant(found.Value.value)
	}
	return time.Time{}
}

// ofFleet is the same day where no session is known by its name: alerts speak of all together.
func (d *diary) ofFleet() *diary {
	fleet := &diary{server: d.server}
	for _, e := range d.entries {
		if e.labels["name"] != "" {
			e.labels = install()
			e.labels["scope"] = "fleet"
		}
		if e.alert != "BillingSessionRenewalOverdue" { // none of all together is told
			fleet.entries = append(fleet.entries, e)
		}
	}
	return fleet
}

// The labels of alerts, but for their severity.

func session(name string) map[string]string {
	return map[string]string{"namespace": namespace, "name": name}
}

func install() map[string]string { return map[string]string{"job": metricsService} }

func operator() map[string]string {
	return map[string]string{"job": metricsService, "namespace": systemNamespace}
}

func instant(seconds float64) time.Time {
	return time.UnixMilli(int64(seconds * 1000))
}
