package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"regexp"
	"time"
)

const maxPageSize = 1 << 20

var httpClient = &http.Client{Timeout: 10 * time.Second}

var titleTag = regexp.MustCompile(`(?is)<title>(.*?)</title>`)

// openPage opens the page of a URL and returns its title. Its errors never contain the
// URL, which is as good as a password.
func openPage(ctx context.Context, url string) (string, error) {
	response, err := get(ctx, url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the page of the URL answers %s", response.Status)
	}
	page, err := io.ReadAll(io.LimitReader(response.Body, maxPageSize))
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
	response, err := httpClient.Do(request)
	if err != nil {
		return nil, errNoAnswer
	}
	return response, nil
}

// errNoAnswer stands for the errors of net/http, which contain the URL.
var errNoAnswer = errors.New("it does not answer")
