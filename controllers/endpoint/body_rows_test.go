package endpoint_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// charsetRows refuse with a message in letters beyond ASCII: only then it shows in
// which charset a body was read. What the error must show is the message, read right.
func charsetRows() []row {
	const message = "Ключ é ist ungültig"
	document := func(declared, text string) string {
		return `<?xml version="1.0" encoding="` + declared + `"?>` + root("<status>403</status><message>"+text+"</message>")
	}
	served := func(contentType string, in encoding.Encoding, text string) server {
		return handles(func(s *stage, w http.ResponseWriter, _ *http.Request) {
			body, err := in.NewEncoder().String(text)
			if err != nil {
				s.t.Error(err)
			}
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write([]byte(body))
		})
	}
	rows := []row{
		{name: "UTF-8 with a byte order mark", why: "editors leave it in templates", server: served("text/xml", unicode.UTF8, "\ufeff"+document("UTF-8", message)), want: rejected, says: message},
		{name: "ISO-8859-1 by Content-Type", why: "declared charsets are read", server: served("text/xml; charset=ISO-8859-1", charmap.ISO8859_1, root("<status>403</status><message>ungültig</message>")), want: rejected, says: "ungültig"},
		{name: "UTF-16 with a little-endian mark", why: "the mark tells all there is to know", server: served("text/xml", unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), document("UTF-16", message)), want: rejected, says: message},
		{name: "Content-Type against declaration", why: "the Content-Type is stronger than the declaration (RFC 7303)", server: served("text/xml; charset=windows-1252", charmap.Windows1252, document("UTF-8", "ungültig")), want: rejected, says: "ungültig"},
		{name: "not UTF-8", why: "what does not fit its charset is not believed", server: served("text/xml", charmap.ISO8859_1, document("UTF-8", "ungültig")), want: malformed},
	}
	for _, name := range []string{"utf8", "UTF-16", "utf-16be", "ISO-10646-UCS-2", ""} {
		rows = append(rows, row{name: "UTF-8 declared as " + name, why: "templates are converted and keep their declaration; in UTF-16 it could not be read", server: served("text/xml", unicode.UTF8, document(name, message)), want: rejected, says: message})
	}
	for _, name := range []string{"UTF-7", "utf-32", "x-unknown", "{key}"} {
		rows = append(rows, row{name: "declared as " + name, why: "not guessed; the declaration is what must be corrected", server: says(document(name, "x")), want: malformed, says: "declared to be in a charset that is not known, in its XML declaration"})
	}
	for _, version := range []string{`"1.1"`, `'1.1'`, `"{key}"`} {
		rows = append(rows, row{name: "XML " + version, why: "other rules for characters than are applied here; the declaration is what must be corrected", server: says("<?xml version=" + version + ` encoding="utf-8"?>` + sound), want: malformed, says: "declared as another version of XML than 1.0, in its XML declaration"})
	}
	return append(rows,
		row{name: "an unknown charset by Content-Type", why: "the next in line counts", server: served("text/xml; charset=x-"+testToken, charmap.ISO8859_1, document("ISO-8859-1", "ungültig")), want: rejected, says: "ungültig"},
	)
}

func bodyRows() []row {
	compressed := func(coding string, transform func(string) string) server {
		return handles(func(s *stage, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", coding)
			_, _ = io.WriteString(w, transform(s.fill(sound)))
		})
	}
	bomb := gzipped(strings.Repeat(" ", 4<<20))
	return []row{
		{name: "empty", why: "a whole answer that says nothing is not the documented one", server: says(""), want: malformed, says: "empty"},
		{name: "64 KiB", why: "the limit itself", server: says(sound + strings.Repeat(" ", 64<<10-len(sound)-len(testURL)+len("{url}")-10+len("{expire}"))), want: granted},
		{name: "a byte more", why: "a body is bounded", server: says(sound + strings.Repeat(" ", 64<<10+1-len(sound)-len(testURL)+len("{url}")-10+len("{expire}"))), want: malformed, says: "64 KiB"},
		{name: "without end", why: "a body is bounded, and the rest is not read", server: handles(endless(200)), want: malformed, says: "64 KiB"},
		{name: "gzip", why: "the transport asks for it and undoes it", server: compressed("gzip", gzipped), want: granted},
		{name: "gzip bomb", why: "the limit holds after decompression", server: compressed("gzip", func(string) string { return bomb }), want: malformed, says: "64 KiB"},
		{name: "gzip cut off", why: "a truncated answer is one in any coding", server: compressed("gzip", func(text string) string { return gzipped(text)[:100] }), want: unavailable},
		{name: "gzip in name only", why: "proxies that decompress may forget the header", server: compressed("gzip", func(text string) string { return text }), want: malformed, says: "decompressed"},
		{name: "deflate", why: "a coding that was not asked for", server: compressed("deflate", func(text string) string { return text }), want: malformed, says: "content encoding"},
		{name: "JSON", why: "another API's answer", server: answers(200, `{"status":200,"url":"{url}","expire":{expire}}`, "Content-Type", "application/json"), want: malformed, says: "not XML"},
		{name: "XML as HTML", why: "the media type is not what decides", server: answers(200, sound, "Content-Type", "text/html"), want: granted},
	}
}

func xmlRows() []row {
	const declaration = `<?xml version="1.0" encoding="UTF-8"?>`
	const good = "<url>{url}</url><expire>{expire}</expire>"
	rows := []row{
		{name: "declaration", why: "as documented", server: says(declaration + "\n" + sound), want: granted},
		{name: "space before the declaration", why: "a common slip of scripts, which changes no meaning", server: says("\n\n " + declaration + sound), want: granted},
		{name: "comment before the declaration", why: "a declaration in the middle is none", server: says("<!-- x -->" + declaration + sound), want: malformed, says: "declaration"},
		{name: "declaration inside, on two lines", why: "two documents in one", server: says(root("<?xml\nversion='1.0' encoding='windows-1252'?>" + good)), want: malformed, says: "declaration"},
		{name: "unknown siblings", why: "answers may grow", server: says(root("<id>7</id>" + good + "<group name='x'><a/></group>")), want: granted},
		{name: "an unknown sibling with its own url", why: "only what is right under the root counts", server: says(root("<help><url>https://evil.example/</url><expire>1</expire><status>403</status></help>" + good)), want: granted},
		{name: "url only in a sibling", why: "a url elsewhere in the document is another url", server: says(root("<billing><url>{url}</url></billing><expire>{expire}</expire>")), want: malformed, says: "no url"},
		{name: "siblings a thousand deep", why: "depth must not cost the stack", server: says(root(strings.Repeat("<a>", 5000) + strings.Repeat("</a>", 5000) + good)), want: granted},
		{name: "white space in the values", why: "the schema's types collapse it", server: says(root("<url>\n\t {url}\r\n</url><expire>\n {expire} </expire>")), want: granted},
		{name: "a comment that changes the host", why: "whoever reads up to the comment sees another host; this is what the text says", server: says(root("<url>https://api-app.xtracta.com<!-- -->.evil.example/</url><expire>{expire}</expire>")), want: malformed, says: "evil.example"},
		{name: "elements in the url", why: "whoever takes the first text sees another URL", server: says(root("<url>https://api-app.xtracta.com/<b/>x</url><expire>{expire}</expire>")), want: malformed, says: "elements inside"},
		{name: "elements in the message", why: "a message is for people, and no reason to lose a grant", server: says(root("<message>a <b>bold</b> word<url>https://evil.example/</url></message>" + good)), want: granted},
		{name: "two urls", why: "it is not known which one is meant", server: says(root("<url>{url}</url><url>{url}</url><expire>{expire}</expire>")), want: malformed, says: "more than one url"},
		{name: "two statuses", why: "it is not known which one is meant", server: says(root("<status>200</status><status>403</status>" + good)), want: malformed, says: "more than one status"},
		{name: "no url", why: "mandatory on success", server: says(root("<status>200</status><expire>{expire}</expire>")), want: malformed, says: "no url"},
		{name: "no expire", why: "mandatory on success", server: says(root("<status>200</status><url>{url}</url>")), want: malformed, says: "no expire"},
		{name: "only a message", why: "what a message says is never branched on", server: says(root("<message>The request has been successfully processed {url} {expire}</message>")), want: malformed, says: "no url"},
		{name: "DOCTYPE", why: "a DTD may declare entities without end", server: says("<!DOCTYPE documents_response>" + sound), want: malformed, says: "DOCTYPE"},
		{name: "DOCTYPE of HTML", why: "a page, not an answer", server: says("<!doctype html><html></html>"), want: malformed, says: "web page"},
		{name: "DOCTYPE in another spelling of its charset", why: "what is read is what counts", server: says(`<?xml version="1.0" encoding="iso-2022-jp"?><!DOC` + "\x1b(B" + "TYPE documents_response>" + sound), want: malformed, says: "DOCTYPE"},
		{name: "DOCTYPE in a message", why: "a refusal may quote the page that caused it, and its status counts", server: says(root("<status>500</status><message><![CDATA[<!DOCTYPE html><p>gone]]></message>")), want: unavailable, says: "status 500"},
		{name: "HTML root", why: "a login page, a captive portal, an error page with 200", server: says("<html><head><title>Log in</title></head></html>"), want: malformed, says: "web page"},
		{name: "root of a sibling endpoint", why: "another endpoint's answer", server: says("<workflow_response>" + good + "</workflow_response>"), want: malformed, says: "another document"},
		{name: "a documented root cut off, said to be a page", why: "the media type is not what decides", server: answers(200, sound[:50], "Content-Type", "text/html"), want: unavailable, says: "too early"},
		{name: "root in a namespace", why: "the document has none: another document of that name", server: says(`<documents_response xmlns="urn:x">` + good + "</documents_response>"), want: malformed, says: "another document"},
		{name: "url in a namespace", why: "another element of that name: an unknown sibling", server: says(root(`<url xmlns="urn:x">https://evil.example/</url>` + good)), want: granted},
		{name: "only a url in a namespace", why: "another element of that name is not ours", server: says(root(`<x:url xmlns:x="urn:x">{url}</x:url><expire>{expire}</expire>`)), want: malformed, says: "no url"},
		{name: "a sibling not closed", why: "what is left open in the middle is no truncation", server: says("<documents_response><br>" + good + "</documents_response>"), want: malformed, says: "well-formed"},
		{name: "text before", why: "a warning before the document may be about the document", server: says("Warning: x" + sound), want: malformed, says: "not XML"},
		{name: "text after", why: "a document ends where it ends", server: says(sound + "Fatal error"), want: malformed, says: "goes on"},
		{name: "a second document after", why: "it is not known which one is meant", server: says(sound + sound), want: malformed, says: "goes on"},
		{name: "space and comments after", why: "these may follow", server: says(sound + "\n<!-- took 3 ms -->\n"), want: granted},
		{name: "only a declaration", why: "the rest is missing", server: says(declaration), want: unavailable, says: "too early"},
	}
	rows = append(rows, refusalRows()...)
	for _, cut := range []int{1, len("<documents_response>"), strings.Index(sound, "{url}") + 5, len(sound) - 1} {
		rows = append(rows, row{name: fmt.Sprintf("cut off after %d bytes", cut), why: "a truncated answer is asked for again, wherever it was cut", server: says(sound[:cut]), want: unavailable, says: "too early"})
	}
	return rows
}

// refusalRows answer with refusals and grants under roots that the document does not
// have: siblings of the endpoint, its uploads and gateways before it do.
func refusalRows() []row {
	const refusal = "<status>403</status><message>No access</message>"
	const good = "<status>200</status><url>{url}</url><expire>{expire}</expire>"
	var rows []row
	for _, around := range []struct{ root, begin, end string }{
		{"error", "<error>", "</error>"},
		{"a root in a namespace", `<error xmlns="urn:x">`, "</error>"},
	} {
		rows = append(rows,
			row{name: "a refusal under " + around.root, why: "whoever refuses says why, whatever the root", server: answers(403, around.begin+refusal+around.end), want: rejected, says: "HTTP 403 Forbidden: No access"},
			row{name: "a refusal in a 200 under " + around.root, why: "a status in the body is meant as one, whatever the root", server: says(around.begin + refusal + around.end), want: rejected, says: "status 403: No access"},
			row{name: "an outage in a 200 under " + around.root, why: "by the same table as HTTP", server: says(around.begin + "<status>500</status><message>{key}</message>" + around.end), want: unavailable, says: "status 500: [message withheld"},
			row{name: "a grant under " + around.root, why: "another document, which may mean another page", server: says(around.begin + good + around.end), want: malformed, says: "another document"},
			row{name: "only a message under " + around.root, why: "without a status nothing is known but what a person can read", server: says(around.begin + "<message>No access</message>" + around.end), want: malformed, says: "billings_response: No access"},
			row{name: "a status of words under " + around.root, why: "words are not guessed at", server: says(around.begin + "<status>error</status><message>No access</message>" + around.end), want: malformed, says: "not a number: No access"},
		)
	}
	return append(rows,
		row{name: "a refusal with elements in the root's namespace", why: "what belongs to the root is in its namespace", server: says(`<x:error xmlns:x="urn:x"><x:status>403</x:status><x:message>No access</x:message></x:error>`), want: rejected, says: "status 403: No access"},
		row{name: "a refusal with elements in another namespace", why: "other elements of these names", server: says(`<error xmlns:x="urn:x"><x:status>403</x:status></error>`), want: malformed, says: "another document"},
		row{name: "a refusal deeper down", why: "a status further down is somebody else's", server: says("<result><error>" + refusal + "</error></result>"), want: malformed, says: "another document"},
		row{name: "a refusal as a web page", why: "pages are unread, as their words are for their readers", server: answers(403, "<html><status>429</status><message>No access</message></html>"), want: rejected, says: "HTTP 403 Forbidden"},
		row{name: "a refusal behind a DOCTYPE", why: "a DTD may declare entities without end", server: says("<!DOCTYPE error><error>" + refusal + "</error>"), want: malformed, says: "DOCTYPE"},
	)
}
