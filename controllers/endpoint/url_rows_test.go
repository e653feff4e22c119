package endpoint_test

import (
	"strings"

	"github.com/xtracta/billing-operator/controllers/endpoint"
)

func urlRows() []row {
	grants := func(url string) server { return says(root("<url>" + url + "</url><expire>{expire}</expire>")) }
	accepted := func(name, why, url string) row {
		return row{name: name, why: why, server: grants(url), want: granted, grant: urlIs(url)}
	}
	refused := func(name, why, url, says string) row {
		return row{name: name, why: why, server: grants(url), want: malformed, says: says}
	}
	const foreign = "--allowed-url-hosts"
	only := func(hosts ...string) func(*endpoint.Config, *stage) {
		return func(config *endpoint.Config, _ *stage) { config.AllowedURLHosts = hosts }
	}
	return []row{
		accepted("allowed by name", "xtracta.com itself is on the default list", "https://xtracta.com/x"),
		accepted("allowed by pattern", "what is under xtracta.com is on the default list", "https://a.b.xtracta.com/x"),
		accepted("the endpoint's own host", "always allowed", "https://127.0.0.1/x"),
		accepted("the endpoint's own host on another port", "the page may be served on another port: the host's name counts", "https://127.0.0.1:9443/x"),
		accepted("http from a loopback endpoint", "a local stand-in has no certificate", "http://127.0.0.1:8080/x"),
		accepted("upper case", "hosts and schemes have no case, and the URL stays as it came", "HTTPS://API-APP.Xtracta.COM/X"),
		accepted("trailing dot", "another spelling of the same host", "https://api-app.xtracta.com./x"),
		accepted("default port", "another spelling of the same origin", "https://api-app.xtracta.com:443/x"),
		accepted("empty port", "another spelling of the same origin", "https://api-app.xtracta.com:/x"),
		accepted("no path", "a URL needs none", "https://api-app.xtracta.com?t=1"),
		accepted("fragment", "pages of one script keep their state there", "https://api-app.xtracta.com/#/billing?t=1"),
		accepted("user info in the path", "an @ behind the host is no user", "https://api-app.xtracta.com/@x"),
		accepted("another URL in the query", "what is in the query is the page's own", "https://api-app.xtracta.com/?next=https://evil.example/"),
		accepted("letters beyond ASCII in the path", "browsers take them", "https://api-app.xtracta.com/ü"),
		accepted("percent signs", "encodings stay as they came", "https://api-app.xtracta.com/%7Ex?t=%2B%252F"),
		accepted("host in full-width letters", "browsers and we map them to the same host", "https://ａpi-app.xtracta.com/"),
		accepted("host with an ideographic dot", "browsers and we map it to the same host", "https://api-app。xtracta.com/"),
		accepted("8 KiB", "the limit itself", "https://api-app.xtracta.com/"+strings.Repeat("x", 8<<10-len("https://api-app.xtracta.com/"))),
		refused("a byte more", "a URL is bounded", "https://api-app.xtracta.com/"+strings.Repeat("x", 8<<10+1-len("https://api-app.xtracta.com/")), "longer"),
		refused("empty", "no URL", "", "empty"),
		refused("space", "no URL after white space has collapsed", " \n", "empty"),
		refused("relative", "there is no page to be relative to", "/v1/billings/index.html?t={token}", "absolute"),
		refused("relative to the scheme", "there is no page to be relative to", "//api-app.xtracta.com/?t={token}", "absolute"),
		refused("without a scheme", "a guess would be http or https", "api-app.xtracta.com/?t={token}", "absolute"),
		refused("host and port without a scheme", "reads as the scheme localhost", "localhost:8080/x", "absolute"),
		refused("only a scheme", "no host", "https:", "absolute"),
		refused("no host", "no host, though browsers would take the path's first part", "https:///api-app.xtracta.com/", "absolute"),
		refused("one slash", "browsers would take what follows for the host", "https:/api-app.xtracta.com/", "absolute"),
		refused("no slash", "browsers would take what follows for the host", "https:api-app.xtracta.com/", "absolute"),
		refused("only a port", "no host", "https://:443/", "absolute"),
		refused("javascript", "a link that runs in the page that shows it", "javascript:alert(1)//api-app.xtracta.com", "absolute"),
		refused("javascript with a host", "a link that runs in the page that shows it", "javascript://api-app.xtracta.com/%0aalert(1)", "not https"),
		refused("data", "a page of the sender's own", "data:text/html,x", "absolute"),
		refused("file", "a file of the reader's", "file:///etc/passwd", "absolute"),
		refused("ftp", "not https", "ftp://api-app.xtracta.com/", "not https"),
		refused("wss", "not https", "wss://api-app.xtracta.com/", "not https"),
		refused("foreign", "a host that nobody has allowed", "https://evil.example/?t={token}", "on evil.example, which"),
		refused("foreign with an allowed prefix", "a name is compared whole", "https://xtracta.com.evil.example/", foreign),
		refused("foreign with an allowed suffix", "a pattern is compared label by label", "https://evilxtracta.com/", foreign),
		refused("parent of the allowed", "the parent is another host", "https://com/", foreign),
		refused("only the dot of a pattern", "an empty label is no label", "https://.xtracta.com/", foreign),
		refused("two dots", "an empty label is no label", "https://a..xtracta.com/", foreign),
		refused("two trailing dots", "an empty label is no label", "https://api-app.xtracta.com../", foreign),
		refused("user", "user info makes a foreign host look like ours", "https://api-app.xtracta.com@evil.example/", "user or password"),
		refused("user of an allowed host", "a login in the URL is not the documented one", "https://user:{token}@api-app.xtracta.com/", "user or password"),
		refused("empty user", "an @ is an @", "https://@api-app.xtracta.com/", "user or password"),
		refused("backslash", "browsers read it as a slash, and another host", `https://evil.example\@api-app.xtracta.com/`, "characters"),
		refused("backslash in the path", "browsers read it as a slash", `https://api-app.xtracta.com/\evil`, "characters"),
		refused("tab", "browsers drop it", "https://api-app.xtracta.com/&#9;x", "characters"),
		refused("line break", "browsers drop it, headers break at it", "https://api-app.xtracta.com/&#10;&#13;x", "characters"),
		refused("delete", "no character of a URL", "https://api-app.xtracta.com/\x7f", "characters"),
		refused("C1 control", "no character of a URL", "https://api-app.xtracta.com/\u0085", "characters"),
		refused("right-to-left override", "shown, the URL reads as another", "https://api-app.xtracta.com/\u202ex", "characters"),
		refused("zero-width space", "shown, it cannot be seen", "https://api-app.xtracta.com/\u200bx", "characters"),
		refused("byte order mark", "shown, it cannot be seen", "\ufeffhttps://api-app.xtracta.com/x", "characters"),
		refused("no-break space", "a space by another name", "https://api-app.xtracta.com/\u00a0x", "characters"),
		refused("replacement character", "something was lost on the way", "https://api-app.xtracta.com/\ufffd", "characters"),
		refused("percent in the host", "browsers decode it to another host", "https://evil%2eexample/", "absolute"),
		refused("encoded slash in the host", "browsers and we must see one host", "https://api-app.xtracta.com%2f.evil.example/", "absolute"),
		refused("broken encoding", "not a URL", "https://api-app.xtracta.com/%zz", "absolute"),
		refused("homograph", "a Cyrillic a is another letter", "https://аpi-app.xtrаcta.com/", foreign),
		refused("invalid label", "no host name", "https://xn--a.xtracta.com/", foreign),
		refused("label too long", "no host name", "https://"+strings.Repeat("a", 64)+".xtracta.com/", foreign),
		refused("host too long", "no host name", "https://"+strings.Repeat("a.", 130)+"xtracta.com/", foreign),
		refused("asterisk", "patterns are for the allowed, not for the granted", "https://*.xtracta.com/", foreign),
		refused("underscore", "no host name", "https://a_b.xtracta.com/", foreign),
		refused("comma", "no host name", "https://evil.example,xtracta.com/", foreign),
		refused("port of letters", "no port", "https://api-app.xtracta.com:x/", "absolute"),
		refused("port too high", "no port", "https://api-app.xtracta.com:65536/", "absolute"),
		refused("port zero", "no port", "https://api-app.xtracta.com:0/", "absolute"),
		refused("negative port", "no port", "https://api-app.xtracta.com:-1/", "absolute"),
		refused("another loopback address", "the endpoint's own host is one address", "https://127.0.0.2/", foreign),
		refused("localhost for 127.0.0.1", "names are compared, not what they resolve to", "https://localhost/", foreign),
		refused("loopback as a number", "a form that browsers read and few others", "https://2130706433/", foreign),
		refused("loopback in hex", "a form that browsers read and few others", "https://0x7f.0.0.1/", foreign),
		refused("loopback in octal", "a form that browsers read and few others", "https://0177.0.0.1/", foreign),
		refused("IPv6", "not allowed by any name", "https://[2001:db8::1]/", foreign),
		refused("metadata service", "an address within the cloud", "https://169.254.169.254/latest/", foreign),
		refused("broken brackets", "not a URL", "https://[::1/", "absolute"),
		refused("host named like the token", "a label that long is no name", "https://{token}.example.com/", "on another host"),
		{name: "IPv4 in IPv6", why: "another spelling of the same address", server: grants("https://[::ffff:127.0.0.1]/x"), want: granted, grant: urlIs("https://[::ffff:127.0.0.1]/x")},
		{name: "nothing allowed but the own host", why: "an empty list allows no other", server: grants("{url}"), config: only(), want: malformed, says: "api-app.xtracta.com"},
		{name: "a name does not allow what is under it", why: "a name means itself", server: grants("{url}"), config: only("xtracta.com"), want: malformed},
		{name: "a pattern does not allow its parent", why: "a pattern is what is under it", server: grants("https://xtracta.com/"), config: only("*.xtracta.com"), want: malformed},
		{name: "a list in another spelling", why: "case, space and dots do not matter", server: grants("{url}"), config: only(" *.XTRACTA.com. ", ""), want: granted},
		{name: "an international name", why: "browsers ask for its ASCII form", server: grants("https://xn--bcher-kva.example/"), config: only("bücher.example"), want: granted, grant: urlIs("https://xn--bcher-kva.example/")},
		{name: "an address on the list", why: "addresses are names too", server: grants("https://[2001:DB8:0::1]/"), config: only("2001:db8::1"), want: granted, grant: urlIs("https://[2001:DB8:0::1]/")},
	}
}
