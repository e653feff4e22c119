package endpoint_test

import "fmt"

func redirectRows() []row {
	var rows []row
	for _, status := range []int{300, 301, 302, 303, 304, 305, 306, 307, 308, 399} {
		rows = append(rows, row{
			name: fmt.Sprint(status), why: "a followed redirect may hand the key to another host: siblings of the endpoint answer 307 so",
			server: answers(status, "", "Location", "{elsewhere}/v1/billings/billing_ui"),
			want:   malformed, says: "--endpoint-url",
		})
	}
	to := func(location string) server { return answers(307, "", "Location", location) }
	const cure = "if the endpoint has moved, change --endpoint-url"
	return append(rows,
		row{name: "to a named host", why: "the host is what a person needs to decide", server: to("https://eu-api.example.com/v1/billings/billing_ui"), want: malformed, says: "a redirect to eu-api.example.com;"},
		row{name: "to the same host", why: "not even there: the document knows no redirect", server: to("/v2/billings/billing_ui"), want: malformed, says: "a redirect to 127.0.0.1;"},
		row{name: "relative to the scheme", why: "the host counts, not the spelling", server: to("//eu-api.example.com/x"), want: malformed, says: "eu-api.example.com"},
		row{name: "with the key in the query", why: "only the host is shown", server: to("https://eu-api.example.com/?api_key={key}"), want: malformed, says: cure},
		row{name: "with the granted URL", why: "a 303 to the page itself would be a grant in disguise", server: answers(303, sound, "Location", "{url}"), want: malformed, says: "api-app.xtracta.com"},
		row{name: "with user info", why: "only the host is shown", server: to("https://user:{token}@eu-api.example.com/"), want: malformed, says: "a redirect to eu-api.example.com;"},
		row{name: "to a host named like the token", why: "a label that long is no name", server: to("https://{token}.example.com/"), want: malformed, says: "a redirect to another host"},
		row{name: "to a host that spells the key in hex", why: "a host may echo the key", server: to("https://4b71372b5a782f39773d5274253431.example.com/"), want: malformed, says: "a redirect to another host"},
		row{name: "to plain http", why: "the key must not be sent in the clear", server: to("http://eu-api.example.com/"), want: malformed, says: cure},
		row{name: "to a script", why: "there is no host to name", server: to("javascript:alert(1)"), want: malformed, says: "not followed"},
		row{name: "to nothing", why: "an empty Location is none", server: to(""), want: malformed, says: "not followed"},
		row{name: "to an unreadable place", why: "net/http fails here before it asks whether to follow, and puts the Location into its error", server: to("https://%zz{key}/"), want: malformed, says: "not followed"},
		row{name: "to control characters", why: "such a header is no HTTP", server: raw("HTTP/1.1 307 x\r\nLocation: https://a\x7fb.example.com/{key}\r\nContent-Length: 0\r\n\r\n"), want: unavailable},
		row{name: "302 with a sound body", why: "the HTTP status decides first", server: answers(302, sound, "Location", "{elsewhere}"), want: malformed},
		row{name: "200 with a Location", why: "a Location means nothing with a 200", server: answers(200, sound, "Location", "{elsewhere}"), want: granted},
		row{name: "200 with a Refresh", why: "browsers follow it, we do not", server: answers(200, sound, "Refresh", "0; url={elsewhere}"), want: granted},
		row{name: "401 with a Location", why: "only a 3xx is a redirect", server: answers(401, "", "Location", "{elsewhere}"), want: rejected},
	)
}
