package endpoint_test

import (
	"io"
	"net/http"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
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
	utf16 := func(order unicode.Endianness, mark unicode.BOMPolicy) encoding.Encoding {
		return unicode.UTF16(order, mark)
	}
	rows := []row{
		{name: "UTF-8 with a byte order mark", why: "editors leave it in templates", server: served("text/xml", unicode.UTF8, "\ufeff"+document("UTF-8", message)), want: rejected, says: message},
		{name: "ISO-8859-1 by declaration", why: "declared charsets are read", server: served("text/xml", charmap.ISO8859_1, document("ISO-8859-1", "ungültig")), want: rejected, says: "ungültig"},
		{name: "ISO-8859-1 by Content-Type", why: "declared charsets are read", server: served("text/xml; charset=ISO-8859-1", charmap.ISO8859_1, root("<status>403</status><message>ungültig</message>")), want: rejected, says: "ungültig"},
		{name: "Shift_JIS", why: "declared charsets are read, also where bytes of ASCII are parts of letters", server: served("text/xml", japanese.ShiftJIS, document("Shift_JIS", "表示")), want: rejected, says: "表示"},
		{name: "UTF-16 with a little-endian mark", why: "the mark tells all there is to know", server: served("text/xml", utf16(unicode.LittleEndian, unicode.UseBOM), document("UTF-16", message)), want: rejected, says: message},
		{name: "UTF-16 undeclared and without a mark", why: "not guessed", server: served("text/xml", utf16(unicode.LittleEndian, unicode.IgnoreBOM), root("<status>403</status>")), want: malformed},
		{name: "Content-Type against declaration", why: "the Content-Type is stronger than the declaration (RFC 7303)", server: served("text/xml; charset=windows-1252", charmap.Windows1252, document("UTF-8", "ungültig")), want: rejected, says: "ungültig"},
		{name: "not UTF-8", why: "what does not fit its charset is not believed", server: served("text/xml", charmap.ISO8859_1, document("UTF-8", "ungültig")), want: malformed},
		{name: "UTF-16 that is sound", why: "a grant is one in any charset", server: handles(func(s *stage, w http.ResponseWriter, _ *http.Request) {
			body, _ := utf16(unicode.BigEndian, unicode.UseBOM).NewEncoder().String(s.fill(sound))
			_, _ = w.Write([]byte(body))
		}), want: granted},
	}
	for _, name := range []string{"utf-8", "utf8", "UTF-16", "utf-16", "UTF-16LE", "utf-16be", "UCS-2", "unicode", "ISO-10646-UCS-2", ""} {
		rows = append(rows, row{name: "UTF-8 declared as " + name, why: "templates are converted and keep their declaration; in UTF-16 it could not be read", server: served("text/xml", unicode.UTF8, document(name, message)), want: rejected, says: message})
	}
	for _, name := range []string{"UTF-7", "utf-32", "UCS-4", "ebcdic-us", "x-unknown", "{key}", "utf-8x", "binary"} {
		rows = append(rows, row{name: "declared as " + name, why: "not guessed; the declaration is what must be corrected", server: says(document(name, "x")), want: malformed, says: "declared to be in a charset that is not known, in its XML declaration"})
	}
	for _, version := range []string{`"1.1"`, `'1.1'`, `"2.0"`, `"1"`, `"{key}"`} {
		rows = append(rows, row{name: "XML " + version, why: "other rules for characters than are applied here; the declaration is what must be corrected", server: says("<?xml version=" + version + ` encoding="utf-8"?>` + sound), want: malformed, says: "declared as another version of XML than 1.0, in its XML declaration"})
	}
	return append(rows,
		row{name: "an unknown charset by Content-Type", why: "the next in line counts", server: served("text/xml; charset=x-"+testToken, charmap.ISO8859_1, document("ISO-8859-1", "ungültig")), want: rejected, says: "ungültig"},
		row{name: "an unknown charset by declaration, a known one by Content-Type", why: "the Content-Type is stronger than the declaration (RFC 7303)", server: served("text/xml; charset=utf-8", unicode.UTF8, document("x-unknown", message)), want: rejected, says: message},
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
		{name: "only space", why: "as good as empty", server: says(" \r\n\t"), want: malformed, says: "empty"},
		{name: "64 KiB", why: "the limit itself", server: says(sound + strings.Repeat(" ", 64<<10-len(sound)-len(testURL)+len("{url}")-10+len("{expire}"))), want: granted},
		{name: "a byte more", why: "a body is bounded", server: says(sound + strings.Repeat(" ", 64<<10+1-len(sound)-len(testURL)+len("{url}")-10+len("{expire}"))), want: malformed, says: "64 KiB"},
		{name: "without end", why: "a body is bounded, and the rest is not read", server: handles(endless(200)), want: malformed, says: "64 KiB"},
		{name: "gzip", why: "the transport asks for it and undoes it", server: compressed("gzip", gzipped), want: granted},
		{name: "gzip bomb", why: "the limit holds after decompression", server: compressed("gzip", func(string) string { return bomb }), want: malformed, says: "64 KiB"},
		{name: "gzip cut off", why: "a truncated answer is one in any coding", server: compressed("gzip", func(text string) string { return gzipped(text)[:100] }), want: unavailable},
		{name: "gzip with a wrong checksum", why: "a body that was changed on its way is not believed", server: compressed("gzip", func(text string) string {
			return gzipped(text)[:len(gzipped(text))-8] + "\x00\x00\x00\x00\x00\x00\x00\x00"
		}), want: malformed, says: "decompressed"},
		{name: "gzip in name only", why: "proxies that decompress may forget the header", server: compressed("gzip", func(text string) string { return text }), want: malformed, says: "decompressed"},
		{name: "deflate", why: "a coding that was not asked for", server: compressed("deflate", func(text string) string { return text }), want: malformed, says: "content encoding"},
		{name: "a coding named like the key", why: "the name of a coding is the server's own text", server: compressed(testKey, func(text string) string { return text }), want: malformed, says: "content encoding"},
		{name: "JSON", why: "another API's answer", server: answers(200, `{"status":200,"url":"{url}","expire":{expire}}`, "Content-Type", "application/json"), want: malformed, says: "not XML"},
		{name: "plain text", why: "a message of something between", server: answers(200, "OK", "Content-Type", "text/plain"), want: malformed, says: "not XML"},
		{name: "the bare URL", why: "a URL alone is not the documented answer", server: says("{url}"), want: malformed, says: "not XML"},
		{name: "the request", why: "an echo service is not the endpoint", server: says("api_key={key}&expire=600"), want: malformed, says: "not XML"},
		{name: "XML as HTML", why: "the media type is not what decides", server: answers(200, sound, "Content-Type", "text/html"), want: granted},
	}
}
