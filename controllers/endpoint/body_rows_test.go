package endpoint_test

import (
	"io"
	"net/http"
	"strings"
)

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
		{name: "only a byte order mark", why: "as good as empty", server: says("\ufeff"), want: malformed, says: "empty"},
		{name: "64 KiB", why: "the limit itself", server: says(sound + strings.Repeat(" ", 64<<10-len(sound)-len(testURL)+len("{url}")-10+len("{expire}"))), want: granted},
		{name: "a byte more", why: "a body is bounded", server: says(sound + strings.Repeat(" ", 64<<10+1-len(sound)-len(testURL)+len("{url}")-10+len("{expire}"))), want: malformed, says: "64 KiB"},
		{name: "without end", why: "a body is bounded, and the rest is not read", server: handles(endless(200)), want: malformed, says: "64 KiB"},
		{name: "gzip", why: "the transport asks for it and undoes it", server: compressed("gzip", gzipped), want: granted},
		{name: "gzip in upper case", why: "names of codings have no case", server: compressed("GZIP", gzipped), want: granted},
		{name: "gzip bomb", why: "the limit holds after decompression", server: compressed("gzip", func(string) string { return bomb }), want: malformed, says: "64 KiB"},
		{name: "gzip cut off", why: "a truncated answer is one in any coding", server: compressed("gzip", func(text string) string { return gzipped(text)[:100] }), want: unavailable},
		{name: "gzip cut off in its header", why: "a truncated answer is one in any coding", server: compressed("gzip", func(text string) string { return gzipped(text)[:5] }), want: unavailable},
		{name: "gzip without its checksum", why: "a truncated answer is one in any coding", server: compressed("gzip", func(text string) string { return gzipped(text)[:len(gzipped(text))-8] }), want: unavailable},
		{name: "gzip with a wrong checksum", why: "a body that was changed on its way is not believed", server: compressed("gzip", func(text string) string {
			return gzipped(text)[:len(gzipped(text))-8] + "\x00\x00\x00\x00\x00\x00\x00\x00"
		}), want: malformed, says: "decompressed"},
		{name: "gzip in name only", why: "proxies that decompress may forget the header", server: compressed("gzip", func(text string) string { return text }), want: malformed, says: "decompressed"},
		{name: "gzip of garbage", why: "a body that was changed on its way is not believed", server: compressed("gzip", func(text string) string {
			return gzipped(text)[:10] + "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
		}), want: malformed, says: "decompressed"},
		{name: "gzip of two members", why: "members are one text together, and bounded together", server: compressed("gzip", func(text string) string { return gzipped(text[:50]) + gzipped(text[50:]) }), want: granted},
		{name: "gzip of two bombs", why: "members are bounded together", server: compressed("gzip", func(text string) string {
			return gzipped(text) + gzipped(strings.Repeat(" ", 40<<10)) + gzipped(strings.Repeat(" ", 40<<10))
		}), want: malformed, says: "64 KiB"},
		{name: "gzip twice", why: "one coding was asked for", server: compressed("gzip, gzip", func(text string) string { return gzipped(gzipped(text)) }), want: malformed, says: "content encoding"},
		{name: "gzip twice under one name", why: "what is inside is no XML", server: compressed("gzip", func(text string) string { return gzipped(gzipped(text)) }), want: malformed},
		{name: "gzip without its name", why: "codings are declared, not guessed", server: says(gzipped("text")), want: malformed},
		{name: "deflate", why: "a coding that was not asked for", server: compressed("deflate", func(text string) string { return text }), want: malformed, says: "content encoding"},
		{name: "br", why: "a coding that was not asked for", server: compressed("br", func(text string) string { return text }), want: malformed, says: "content encoding"},
		{name: "x-gzip", why: "a coding that was not asked for", server: compressed("x-gzip", gzipped), want: malformed, says: "content encoding"},
		{name: "a coding named like the key", why: "the name of a coding is the server's own text", server: compressed(testKey, func(text string) string { return text }), want: malformed, says: "content encoding"},
		{name: "identity", why: "no coding at all, said aloud", server: compressed("identity", func(text string) string { return text }), want: granted},
		{name: "JSON", why: "another API's answer", server: answers(200, `{"status":200,"url":"{url}","expire":{expire}}`, "Content-Type", "application/json"), want: malformed, says: "not XML"},
		{name: "plain text", why: "a message of something between", server: answers(200, "OK", "Content-Type", "text/plain"), want: malformed, says: "not XML"},
		{name: "the bare URL", why: "a URL alone is not the documented answer", server: says("{url}"), want: malformed, says: "not XML"},
		{name: "the request", why: "an echo service is not the endpoint", server: says("api_key={key}&expire=600"), want: malformed, says: "not XML"},
		{name: "binary", why: "anything may come", server: says("\x00\x01\x02\x03"), want: malformed},
		{name: "XML as HTML", why: "the media type is not what decides", server: answers(200, sound, "Content-Type", "text/html"), want: granted},
		{name: "XML without a type", why: "the media type is not what decides", server: answers(200, sound, "Content-Type", ""), want: granted},
		{name: "XML under a broken type", why: "the media type is not what decides", server: answers(200, sound, "Content-Type", "text/xml; charset"), want: granted},
	}
}
