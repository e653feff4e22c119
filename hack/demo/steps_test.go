package main

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestEntriesShowsLengthsAndNoValues(t *testing.T) {
	secret := &corev1.Secret{Data: map[string][]byte{"url": []byte("https://secret.example"), "expire": []byte("1795358209")}}
	if got, want := entries(secret), "expire (10 bytes) and url (22 bytes)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
