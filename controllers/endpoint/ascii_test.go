package endpoint_test

import (
	"testing"
	"unicode/utf8"

	"github.com/xtracta/billing-operator/controllers/endpoint"
)

// FuzzASCII looks for a URL that leads elsewhere by its ASCII form.
func FuzzASCII(f *testing.F) {
	for _, url := range []string{
		"https://api-app.xtracta.com/100%/b?t=TOKEN", "https://bücher.example:8443/ü?ü#ü", "https://ü--ü_.example.",
		"https://b%C3%BCü.example/", "https://[fe80::1%25ü]:1/", "http://localhost/ü", "https://請求。example", "ü", "",
	} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		got, ascii := endpoint.ASCII(url), true
		for i := range len(url) {
			ascii = ascii && url[i] < utf8.RuneSelf
		}
		if ascii && got != url {
			t.Errorf("%q became %q", url, got)
		}
		for i := range len(got) {
			if got[i] >= utf8.RuneSelf {
				t.Fatalf("%q became %q", url, got)
			}
		}
		policy, err := endpoint.NewURLPolicy("https://api-app.xtracta.com/", []string{"*.example"})
		if err != nil {
			t.Fatal(err)
		}
		if policy.Check(url) == nil && len(got) <= 8<<10 && policy.Check(got) != nil {
			t.Errorf("%q is accepted, %q is not: %v", url, got, policy.Check(got))
		}
	})
}
