package endpoint_test

import (
	"net/http"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
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
	return []row{
		{name: "UTF-8", why: "as documented", server: served("text/xml", unicode.UTF8, document("UTF-8", message)), want: rejected, says: message},
		{name: "UTF-8 undeclared", why: "XML is UTF-8 where nothing else is said", server: served("text/xml", unicode.UTF8, root("<status>403</status><message>"+message+"</message>")), want: rejected, says: message},
		{name: "UTF-8 with a byte order mark", why: "editors leave it in templates", server: served("text/xml", unicode.UTF8, "\ufeff"+document("UTF-8", message)), want: rejected, says: message},
		{name: "UTF-8 as utf8", why: "a common misspelling", server: served("text/xml; charset=utf8", unicode.UTF8, document("utf8", message)), want: rejected, says: message},
		{name: "ISO-8859-1 by declaration", why: "declared charsets are read", server: served("text/xml", charmap.ISO8859_1, document("ISO-8859-1", "ungültig")), want: rejected, says: "ungültig"},
		{name: "ISO-8859-1 by Content-Type", why: "declared charsets are read", server: served("text/xml; charset=ISO-8859-1", charmap.ISO8859_1, root("<status>403</status><message>ungültig</message>")), want: rejected, says: "ungültig"},
		{name: "windows-1252", why: "declared charsets are read", server: served("text/xml", charmap.Windows1252, document("windows-1252", "“ungültig”")), want: rejected, says: "“ungültig”"},
		{name: "KOI8-R", why: "declared charsets are read", server: served("text/xml", charmap.KOI8R, document("koi8-r", "Ключ")), want: rejected, says: "Ключ"},
		{name: "Shift_JIS", why: "declared charsets are read, also where bytes of ASCII are parts of letters", server: served("text/xml", japanese.ShiftJIS, document("Shift_JIS", "表示")), want: rejected, says: "表示"},
		{name: "GB18030", why: "declared charsets are read", server: served("text/xml", simplifiedchinese.GB18030, document("gb18030", "密钥")), want: rejected, says: "密钥"},
		{name: "UTF-16 with a little-endian mark", why: "the mark tells all there is to know", server: served("text/xml", utf16(unicode.LittleEndian, unicode.UseBOM), document("UTF-16", message)), want: rejected, says: message},
		{name: "UTF-16 with a big-endian mark", why: "the mark tells all there is to know", server: served("text/xml", utf16(unicode.BigEndian, unicode.UseBOM), document("UTF-16", message)), want: rejected, says: message},
		{name: "UTF-16 with a mark, declared UTF-8", why: "the mark is stronger than what is said", server: served("text/xml; charset=utf-8", utf16(unicode.LittleEndian, unicode.UseBOM), document("UTF-8", message)), want: rejected, says: message},
		{name: "UTF-16 with a mark, declared windows-1252", why: "the mark is stronger than what is said", server: served("text/xml; charset=windows-1252", utf16(unicode.BigEndian, unicode.UseBOM), document("windows-1252", message)), want: rejected, says: message},
		{name: "UTF-16 by Content-Type", why: "declared charsets are read", server: served("text/xml; charset=utf-16be", utf16(unicode.BigEndian, unicode.IgnoreBOM), document("UTF-16", message)), want: rejected, says: message},
		{name: "UTF-16 undeclared and without a mark", why: "not guessed", server: served("text/xml", utf16(unicode.LittleEndian, unicode.IgnoreBOM), root("<status>403</status>")), want: malformed},
		{name: "UTF-16 with half a character", why: "a truncated answer in any charset", server: served("text/xml", encoding.Nop, "\xff\xfe<\x00d"), want: unavailable},
		{name: "UTF-16 in name only", why: "a declaration that can be read in ASCII cannot be true", server: served("text/xml", unicode.UTF8, document("utf-16", message)), want: malformed},
		{name: "UTF-16 in name only, but not by Content-Type", why: "the Content-Type is stronger than the declaration (RFC 7303)", server: served("text/xml; charset=utf-8", unicode.UTF8, document("utf-16", message)), want: rejected, says: message},
		{name: "UTF-32", why: "no library reads it, and its mark begins like that of UTF-16", server: served("text/xml", encoding.Nop, "\xff\xfe\x00\x00<\x00\x00\x00d\x00\x00\x00"), want: malformed},
		{name: "Content-Type against declaration", why: "the Content-Type is stronger than the declaration (RFC 7303)", server: served("text/xml; charset=windows-1252", charmap.Windows1252, document("UTF-8", "ungültig")), want: rejected, says: "ungültig"},
		{name: "unknown by declaration", why: "not guessed", server: served("text/xml", unicode.UTF8, document("x-{key}", message)), want: malformed, says: "charset"},
		{name: "unknown by Content-Type", why: "not guessed", server: served("text/xml; charset=x-"+testToken, unicode.UTF8, document("UTF-8", message)), want: malformed, says: "charset"},
		{name: "UTF-7", why: "a charset that hides markup", server: served("text/xml", unicode.UTF8, document("UTF-7", "x")), want: malformed, says: "charset"},
		{name: "ISO-2022-KR", why: "a charset that hides markup, and is read as nothing", server: served("text/xml", unicode.UTF8, document("ISO-2022-KR", "x")), want: malformed},
		{name: "not UTF-8", why: "what does not fit its charset is not believed", server: served("text/xml", charmap.ISO8859_1, document("UTF-8", "ungültig")), want: malformed},
		{name: "overlong UTF-8", why: "a hidden < is no markup", server: served("text/xml", encoding.Nop, root("<message>\xc0\xbcb></message>")), want: malformed},
		{name: "surrogates in UTF-8", why: "no characters", server: served("text/xml", encoding.Nop, root("<message>\xed\xa0\x80</message>")), want: malformed},
		{name: "a charset in quotes", why: "a Content-Type may quote", server: served(`text/xml; charset="utf-8"`, unicode.UTF8, document("UTF-8", message)), want: rejected, says: message},
		{name: "an empty charset", why: "nothing is said, so the next in line counts", server: served(`text/xml; charset=""`, charmap.ISO8859_1, document("ISO-8859-1", "ungültig")), want: rejected, says: "ungültig"},
		{name: "UTF-16 that is sound", why: "a grant is one in any charset", server: handles(func(s *stage, w http.ResponseWriter, _ *http.Request) {
			body, _ := utf16(unicode.BigEndian, unicode.UseBOM).NewEncoder().String(s.fill(sound))
			_, _ = w.Write([]byte(body))
		}), want: granted},
	}
}
