// Package flux shows config/flux to Flux's own code.
package flux

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/apis/kustomize"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// root is the project's, seen from this folder, in which tests and commands run.
const root = "../../.."

// Expressions are those by which config/flux has Flux judge a session.
func Expressions() (kustomize.CustomHealthCheck, error) {
	examples, err := readExamples()
	if err != nil {
		return kustomize.CustomHealthCheck{}, err
	}
	var found []kustomize.CustomHealthCheck
	for _, example := range examples {
		found = append(found, example.Spec.HealthCheckExprs...)
	}
	if len(found) == 0 {
		return kustomize.CustomHealthCheck{}, errors.New("there are no expressions")
	}
	for _, other := range found {
		if other != found[0] {
			return kustomize.CustomHealthCheck{}, fmt.Errorf("the examples have different expressions: %+v and %+v", found[0], other)
		}
	}
	return found[0], nil
}

// readExamples reads config/flux as Flux's types, and nothing that they do not know.
func readExamples() (found []kustomizev1.Kustomization, err error) {
	paths, err := filepath.Glob(filepath.Join(root, "config", "flux", "*.yaml"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		examples, err := readExample(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		found = append(found, examples...)
	}
	return found, nil
}

func readExample(path string) (found []kustomizev1.Kustomization, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for documents := utilyaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(text))); ; {
		buffer := make([]byte, len(text))
		n, err := documents.Read(buffer)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		var example kustomizev1.Kustomization
		if err := errors.Join(err, yaml.UnmarshalStrict(buffer[:n], &example)); err != nil {
			return nil, err
		}
		found = append(found, example)
	}
}
