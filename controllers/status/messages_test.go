package status

import (
	"testing"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

func TestTheChangedInputsAreNamed(t *testing.T) {
	was := v1alpha1.Inputs{KeySecretResourceVersion: "1", Purge: "delete", ExpirationSeconds: 600, Endpoint: "https://a.example"}
	for want, change := range map[string]func(*v1alpha1.Inputs){
		"API key":                       func(i *v1alpha1.Inputs) { i.KeySecretResourceVersion = "2" },
		"purge mode":                    func(i *v1alpha1.Inputs) { i.KeySecretResourceVersion, i.Purge = "2", "" },
		"expiry":                        func(i *v1alpha1.Inputs) { i.ExpirationSeconds = 700 },
		"endpoint":                      func(i *v1alpha1.Inputs) { i.Endpoint = "https://b.example" },
		"purge mode and another expiry": func(i *v1alpha1.Inputs) { i.Purge, i.ExpirationSeconds = "process", 700 },
	} {
		is := was
		change(&is)
		if got := changedInputs(was, is); got != want {
			t.Errorf("another %s, want another %s", got, want)
		}
	}
}
