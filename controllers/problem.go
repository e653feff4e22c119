package controllers

import (
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// problemOf says why the API server refused a write. Its own message is not
// shown: an admission plugin may quote what it refused, and that holds the URL.
func problemOf(err error) string {
	switch {
	case apierrors.IsForbidden(err):
		return "the API server forbids it: check the operator's permissions, the namespace's quota and its admission policies"
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return "the API server finds it invalid: check spec.secretTemplate, the namespace's admission policies, " +
			"and that the Secret is not marked immutable"
	}
	return fmt.Sprintf("the API server answered %q; it is tried again", apierrors.ReasonForError(err))
}
