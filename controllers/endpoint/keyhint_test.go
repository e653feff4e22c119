package endpoint_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/text/encoding/unicode"

	"github.com/xtracta/billing-operator/controllers/endpoint"
)

// groupKey is a key as the endpoint's are.
const groupKey = "3f9a0c2b7d1e48a65b90c4d2e7f8136a9b0d5c4e"

const groupHint = "This endpoint wants a group's API key, not a person's"

// refusalOf returns what is said of a refusal of a key.
func refusalOf(t *testing.T, key string, status int, contentType, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, body)
	}))
	defer server.Close()
	parsed, err := endpoint.ParseKey([]byte(key))
	must(t, err)
	_, err = newClient(t, server.URL).IssueURL(t.Context(), endpoint.Request{Key: parsed})
	if err == nil {
		t.Fatal("nothing is refused")
	}
	return err.Error()
}

// TestKeyHint: a key that looks like one may be a person's.
func TestKeyHint(t *testing.T) {
	for status, want := range map[int]bool{401: true, 403: true, 400: false, 402: false, 404: false, 422: false, 429: false, 500: false} {
		for message, between := range map[string]string{"": ". ", "No access.": " ", "No access!": " ", "No access": ". "} {
			body := root("<message>" + message + "</message>")
			if got := refusalOf(t, groupKey, status, "text/xml", body); strings.HasSuffix(got, between+groupHint) != want || strings.Contains(got, ".. ") {
				t.Errorf("%d: %s", status, got)
			}
		}
	}
}

// TestOddKey: a value that is no key gets into a Secret in many ways, and each has its
// own cure. What is odd is said without showing it.
func TestOddKey(t *testing.T) {
	const placeholder, reference = "placeholder", "a placeholder or a reference that no tool has replaced"
	for _, c := range []struct{ key, says string }{
		{base64.StdEncoding.EncodeToString([]byte(groupKey)), "has 56 characters and was encoded once too often, as base64"},
		{base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(groupKey)))), "has 76 characters and was encoded once too often"},
		{hex.EncodeToString([]byte(groupKey)), "has 80 characters and was encoded once too often"},
		{strings.ReplaceAll(groupKey, "3", "%33"), "is escaped"},
		{groupKey + `\n`, "is escaped"},
		{"'" + groupKey + "'", "is in quotes"},
		{"“" + groupKey + "”", "is in quotes"},
		{"api_key=" + groupKey, "begins with a word that does not belong to it"},
		{"API key: " + groupKey, "begins with a word that does not belong to it"},
		{"Bearer " + groupKey, "begins with a word that does not belong to it"},
		{"Authorization: Bearer " + groupKey, "begins with a word that does not belong to it"},
		{`{"api_key":"` + groupKey + `"}`, "is JSON"},
		{"<path:secret/data/acme#api-key>", reference},
		{"ENC[AES256_GCM,data:3f9a0c2b,iv:x,tag:y,type:str]", reference},
		{"${API_KEY}", reference},
		{"%API_KEY%", reference},
		{"__API_KEY__", reference},
		{"{{ .Values.apiKey }}", reference},
		{"op://vault/acme/api-key", reference},
		{"arn:aws:secretsmanager:eu-west-1:123456789012:secret:acme", reference},
		{"file:/run/secrets/key", reference},
		{"changeme", placeholder},
		{"your-api-key", placeholder},
		{"TODO", placeholder},
		{"********", placeholder},
		{"enterprise-1", "has 12 characters"},
		{groupKey + " " + groupKey, "looks like two keys"},
		{groupKey + "," + groupKey, "looks like two keys"},
		{groupKey + groupKey, "looks like two keys"},
		{groupKey + ",", "has characters around it"},
		{"<" + groupKey + ">", "has characters around it"},
		{"%" + groupKey + "%", "has characters around it"},
		{"sha1:" + groupKey, "begins with a word that does not belong to it"},
		{"https://api-app.xtracta.com/v1/billings/billing_ui", "is a URL"},
		{groupKey[:20] + " " + groupKey[20:], "has a space, a comma or the like in it"},
		{groupKey[:20] + ":" + groupKey[20:], "has 41 characters, not all of them hexadecimal digits"},
		{groupKey[1:], "has 39 hexadecimal digits"},
		{groupKey + "0", "has 41 hexadecimal digits"},
		{"0f8fad5b-d9cb-469f-a165-70867728950e", "has 36 characters, not all of them hexadecimal digits"},
		{"ключ", "has 4 characters, not all of them hexadecimal digits"},
	} {
		for _, status := range []int{400, 403} {
			got := refusalOf(t, c.key, status, "text/xml", root("<message>The key is unknown</message>"))
			if !strings.Contains(got, "The API key "+c.says) && !strings.Contains(got, "The API key is a "+c.says) && !strings.Contains(got, "The API key is "+c.says) {
				t.Errorf("%d for %q: %s, want %q", status, c.key, got, c.says)
			}
			if strings.Contains(got, groupHint) || strings.Contains(got, c.key) || strings.Contains(got, groupKey[:8]) {
				t.Errorf("%d for %q: %s", status, c.key, got)
			}
		}
	}
	for _, key := range []string{groupKey, strings.ToUpper(groupKey), groupKey + "\n", strings.Repeat("0", 40)} {
		if got := refusalOf(t, key, 403, "text/xml", ""); !strings.HasSuffix(got, groupHint) {
			t.Errorf("%q: %s", key, got)
		}
	}
}

// TestWebPageInBetween: whoever answers in the endpoint's place has not seen the key.
func TestWebPageInBetween(t *testing.T) {
	const page = "<html><head><title>Blocked</title></head><body>Your API key was blocked<br></body></html>"
	utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(page)
	must(t, err)
	for why, c := range map[string]struct{ contentType, body string }{
		"a page":                      {"text/html; charset=utf-8", page},
		"without a type":              {"", page},
		"with a DOCTYPE":              {"text/html", "<!DOCTYPE html>\n" + page},
		"in capitals":                 {"", strings.ToUpper(page)},
		"behind a comment":            {"", "\r\n<!-- a firewall -->\n" + page},
		"as XHTML, as XML":            {"text/xml", `<?xml version="1.0"?><!DOCTYPE html PUBLIC "x" "y"><html xmlns="http://www.w3.org/1999/xhtml"><body/></html>`},
		"a script":                    {"", "<script>location='/login'</script>"},
		"text that says it is a page": {"text/html", "Access denied"},
		"cut off":                     {"text/html", page[:40]},
		"longer than is read":         {"text/html", page + strings.Repeat("<p>", 64<<10)},
		"with words of the document":  {"text/html", "<html><status>200</status><message>The API key is unknown</message></html>"},
		"of little-endian UTF-16":     {"", utf16},
	} {
		for _, status := range []int{200, 201, 403, 407, 429, 503} {
			for _, key := range []string{groupKey, testKey} {
				got := refusalOf(t, key, status, c.contentType, c.body)
				if !strings.Contains(got, "a web page") || !strings.Contains(got, "between") || strings.Contains(strings.ToLower(got), "key") {
					t.Errorf("%s with %d: %s", why, status, got)
				}
				if status != 200 && !strings.Contains(got, fmt.Sprint(status)) {
					t.Errorf("%s: %s does not tell of %d", why, got, status)
				}
			}
		}
	}
	for why, c := range map[string]struct{ contentType, body string }{
		"a refusal that says it is a page": {"text/html", root("<status>403</status><message>no</message>")},
		"another root, said to be a page":  {"text/html", "<error><message>no</message></error>"},
		"nothing, said to be a page":       {"text/html", ""},
		"a comment and a refusal":          {"", "<!-- x -->" + root("<message>no</message>")},
		"plain text":                       {"text/plain", "Access denied"},
		"JSON":                             {"application/json", `{"message":"no"}`},
	} {
		if got := refusalOf(t, groupKey, 403, c.contentType, c.body); strings.Contains(got, "web page") || !strings.HasSuffix(got, groupHint) {
			t.Errorf("%s: %s", why, got)
		}
	}
}
