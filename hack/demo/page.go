package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"time"
)

var httpClient = &http.Client{Timeout: 10 * time.Second}

var titleTag = regexp.MustCompile(`(?is)<title>(.*?)</title>`)

// openPage opens a page and returns its title. Its errors never contain the URL, which is
// as good as a password.
func openPage(ctx context.Context, url string) (title string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", errors.New("the URL is none")
	}
	response, err := httpClient.Do(request)
	if err != nil {
		return "", errors.New("it does not answer")
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("it answers %s", response.Status)
	}
	page, err := io.ReadAll(response.Body)
	if found := titleTag.FindSubmatch(page); found != nil {
		title = string(found[1])
	}
	return title, err
}
