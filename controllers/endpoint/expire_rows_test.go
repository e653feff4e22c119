package endpoint_test

import (
	"fmt"
	"io"
	"net/http"
	"time"
)

func expireRows() []row {
	text := func(expire string) server { return says(root("<url>{url}</url><expire>" + expire + "</expire>")) }
	// lives answers with an expire so long after the server's own clock, which is
	// ahead of ours by the skew.
	lives := func(life, skew time.Duration) server {
		return handles(func(s *stage, w http.ResponseWriter, _ *http.Request) {
			date := s.now.Truncate(time.Second).Add(skew)
			w.Header().Set("Date", date.UTC().Format(http.TimeFormat))
			_, _ = io.WriteString(w, s.fill(root(fmt.Sprintf("<url>{url}</url><expire>%d</expire>", date.Add(life).Unix()))))
		})
	}
	// undated answers without a Date, or with one that is none, and with an expire so
	// long after our clock.
	undated := func(date string, life time.Duration) server {
		return handles(func(s *stage, w http.ResponseWriter, _ *http.Request) {
			w.Header()["Date"] = nil
			if date != "" {
				w.Header().Set("Date", date)
			}
			_, _ = io.WriteString(w, s.fill(root(fmt.Sprintf("<url>{url}</url><expire>%d</expire>", s.now.Truncate(time.Second).Add(life).Unix()))))
		})
	}
	expires := func(life, skew time.Duration) func(*stage) wanted {
		return func(s *stage) wanted {
			return wanted{url: testURL, expire: s.now.Truncate(time.Second).Add(skew + life), offset: skew}
		}
	}
	const (
		day  = 24 * time.Hour
		year = 365 * day
		most = 3*day + time.Hour
	)
	return []row{
		{name: "leading zeros and a plus", why: "the schema's integers may have them", server: text("+000{expire}"), want: granted},
		{name: "empty", why: "no time", server: text(""), want: malformed, says: "not a UNIX time"},
		{name: "negative", why: "no time of the schema", server: text("-{expire}"), want: malformed, says: "not a UNIX time"},
		{name: "fraction", why: "no integer", server: text("{expire}.5"), want: malformed, says: "not a UNIX time"},
		{name: "exponent", why: "no integer", server: text("1.5e9"), want: malformed, says: "not a UNIX time"},
		{name: "hexadecimal", why: "no integer of the schema", server: text("0x5ac5"), want: malformed, says: "not a UNIX time"},
		{name: "thousands separators", why: "no integer of the schema", server: text("1,522,895,794"), want: malformed, says: "not a UNIX time"},
		{name: "underscores", why: "an integer of Go, not of the schema", server: text("1_522_895_794"), want: malformed, says: "not a UNIX time"},
		{name: "Arabic digits", why: "no digits of the schema", server: text("١٥٢٢٨٩٥٧٩٤"), want: malformed, says: "not a UNIX time"},
		{name: "two pluses", why: "no integer", server: text("++1"), want: malformed, says: "not a UNIX time"},
		{name: "the key", why: "a value may echo anything", server: text("{key}"), want: malformed, says: "not a UNIX time"},
		{name: "a date", why: "not the documented form", server: text("2030-01-01T00:00:00Z"), want: malformed, says: "not a UNIX time"},
		{name: "zero", why: "never, or at once: not guessed", server: text("0"), want: malformed, says: "number of seconds"},
		{name: "relative", why: "a life in place of a time would be long past", server: text("600"), want: malformed, says: "number of seconds"},
		{name: "relative of three days", why: "a life in place of a time would be long past", server: text("259200"), want: malformed, says: "number of seconds"},
		{name: "milliseconds", why: "a thousand times too far", server: text("{expire}000"), want: malformed, says: "more than three days"},
		{name: "2^63", why: "more than any integer holds must not wrap", server: text("9223372036854775808"), want: malformed, says: "more than three days"},
		{name: "2^64 and a good time", why: "more than any integer holds must not wrap into a good time", server: text("18446744075{expire}"), want: malformed, says: "more than three days"},
		{name: "a thousand digits", why: "length is no sense", server: text(fmt.Sprintf("%01000d", 7) + "{expire}"), want: malformed, says: "more than three days"},
		{name: "a thousand zeros", why: "zeros are no length", server: text(fmt.Sprintf("%01000d", 0) + "{expire}"), want: granted},
		{name: "as asked for", why: "the usual case", server: lives(10*time.Minute, 0), want: granted, grant: expires(10*time.Minute, 0)},
		{name: "a second", why: "short lives are kept if they are lives", server: lives(time.Second, 0), want: granted, grant: expires(time.Second, 0)},
		{name: "the longest", why: "three days and an hour are believed", server: lives(most, 0), want: granted, grant: expires(most, 0)},
		{name: "a day longer", why: "more than can be asked for is a mistake", server: lives(most+day, 0), want: malformed, says: "more than three days"},
		{name: "now", why: "no life", server: lives(0, 0), want: malformed, says: "past"},
		{name: "a minute ago", why: "no life by either clock", server: lives(-time.Minute, 0), want: malformed, says: "past"},
		{name: "years ago", why: "the document's own example is of 2018", server: text("1522895794"), want: malformed, says: "past"},
		{name: "server ahead by an hour", why: "the server's clock measures the server's times", server: lives(10*time.Minute, time.Hour), want: granted, grant: expires(10*time.Minute, time.Hour)},
		{name: "server behind by an hour", why: "by our clock the URL would be past already", server: lives(10*time.Minute, -time.Hour), want: granted, grant: expires(10*time.Minute, -time.Hour)},
		{name: "server ahead by years", why: "our clock may have lost its battery", server: lives(10*time.Minute, 50*year), want: granted, grant: expires(10*time.Minute, 50*year)},
		{name: "server ahead by days, longest life", why: "the life counts, not the distance from our clock", server: lives(most, 5*day), want: granted, grant: expires(most, 5*day)},
		{name: "server ahead by a thousand years", why: "an offset beyond a Duration would keep the URL for ever", server: handles(func(s *stage, w http.ResponseWriter, _ *http.Request) {
			date := s.now.AddDate(1000, 0, 0)
			w.Header().Set("Date", date.UTC().Format(http.TimeFormat))
			_, _ = io.WriteString(w, s.fill(root(fmt.Sprintf("<url>{url}</url><expire>%d</expire>", date.Unix()+600))))
		}), want: malformed, says: "more than three days"},
		{name: "server in year 9999", why: "an expire beyond year 9999 cannot be written down", server: answers(200, root("<url>{url}</url><expire>253402300900</expire>"), "Date", "Fri, 31 Dec 9999 23:59:59 GMT"), want: malformed, says: "more than three days"},
		{name: "no Date", why: "without the server's clock there is ours", server: undated("", 10*time.Minute), want: granted, grant: expires(10*time.Minute, 0)},
		{name: "no Date, past", why: "without the server's clock there is ours", server: undated("", -time.Minute), want: malformed, says: "past"},
		{name: "no Date, too far ahead", why: "without the server's clock there is ours", server: undated("", most+time.Minute), want: malformed, says: "more than three days"},
		{name: "a Date that is none", why: "without the server's clock there is ours", server: undated("today", 10*time.Minute), want: granted, grant: expires(10*time.Minute, 0)},
		{name: "a Date that echoes the key", why: "a header may echo anything", server: undated(testKey, 10*time.Minute), want: granted, grant: expires(10*time.Minute, 0)},
		{name: "a Date of 1970", why: "a Date that makes no sensible life is no clock to go by", server: undated("Thu, 01 Jan 1970 00:00:00 GMT", 10*time.Minute), want: granted, grant: expires(10*time.Minute, 0)},
		{name: "a Date after the expire", why: "a Date that makes no sensible life is no clock to go by", server: undated("Fri, 31 Dec 9999 23:59:59 GMT", 10*time.Minute), want: granted, grant: expires(10*time.Minute, 0)},
		{name: "a Date in the form of RFC 850", why: "old servers write it", server: handles(func(s *stage, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", s.now.Add(-time.Hour).UTC().Format("Monday, 02-Jan-06 15:04:05 GMT"))
			_, _ = io.WriteString(w, s.fill(root(fmt.Sprintf("<url>{url}</url><expire>%d</expire>", s.now.Add(-50*time.Minute).Unix()))))
		}), want: granted, grant: expires(10*time.Minute, -time.Hour)},
	}
}
