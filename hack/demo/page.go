package main

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"regexp"
	"time"
)

// web opens pages as a person's browser would.
var web = &http.Client{Timeout: 10 * time.Second}

const longestPage = 1 << 20

var titleTag = regexp.MustCompile(`(?is)<title>(.*?)</title>`)

// openPage opens the page behind a URL, and returns its title. Its errors do not
// name the URL, which is as good as a password.
func openPage(ctx context.Context, url string) (string, error) {
	answer, err := get(ctx, url)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the page behind the URL answers %s", answer.Status)
	}
	page, err := io.ReadAll(io.LimitReader(answer.Body, longestPage))
	if err != nil {
		return "", err
	}
	return titleOf(page), nil
}

func titleOf(page []byte) string {
	found := titleTag.FindSubmatch(page)
	if found == nil {
		return "(no title)"
	}
	return html.UnescapeString(string(found[1]))
}

func get(ctx context.Context, url string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, errNoAnswer
	}
	answer, err := web.Do(request)
	if err != nil {
		return nil, errNoAnswer
	}
	return answer, nil
}

var errNoAnswer = fmt.Errorf("it does not answer")
