// Command roots fails if the root certificates that are compiled into the image are old and
// newer ones exist. With old ones the operator stops trusting the endpoint on the day that
// its certificate is issued by a new authority.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"time"
)

const (
	module = "golang.org/x/crypto/x509roots/fallback"
	// maxAge leaves time for a release, and is short beside the years for which an
	// authority announces a new root.
	maxAge = 90 * 24 * time.Hour
)

// bundle is a version of the certificates.
type bundle struct {
	Version string
	Time    time.Time
	Update  *bundle // the newest, if it is another
}

func main() {
	output, err := exec.CommandContext(context.Background(), "go", "list", "-m", "-u", "-json", module).Output()
	var current bundle
	if err == nil {
		err = json.Unmarshal(output, &current)
	}
	if err == nil {
		err = judge(current, time.Now())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "roots:", err)
		os.Exit(1)
	}
	fmt.Printf("The compiled-in root certificates are of %s.\n", current.Time.Format(time.DateOnly))
}

// judge takes old certificates for good as long as there are no newer ones.
func judge(current bundle, now time.Time) error {
	age := now.Sub(current.Time)
	if current.Update == nil || age <= maxAge {
		return nil
	}
	return fmt.Errorf("the compiled-in root certificates are %d days old, and those of %s are newer; run: go get %s@%s && go mod tidy",
		int(age.Hours()/24), current.Update.Time.Format(time.DateOnly), module, current.Update.Version)
}
