package controllers

import (
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// problemOf says why the API server refused a write. Its own message is not
// shown: an admission plugin may quote what it refused, and that holds the URL.
func problemOf(err error) string {
	switch {
	case errors.Is(err, errAltered):
		return "something in between changes what is written: exempt this Secret from the admission webhooks or policies that do"
	case apierrors.IsForbidden(err):
		return "the API server forbids it: check the operator's permissions, the namespace's quota and its admission policies"
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return "the API server finds it invalid: check spec.secretTemplate, the namespace's admission policies, " +
			"and that the Secret is not marked immutable"
	}
	return answerOf(err) + "; it is tried again"
}

// answerOf is the API server's answer in a word.
func answerOf(err error) string {
	if reason := apierrors.ReasonForError(err); reason != metav1.StatusReasonUnknown {
		return fmt.Sprintf("the API server answered %q", reason)
	}
	return "the API server gave no answer"
}
