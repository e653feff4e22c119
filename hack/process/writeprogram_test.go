package process

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

// Each goroutine writes a program and runs it while the others fork.
func TestAProgramCanBeRunAsSoonAsItIsWritten(t *testing.T) {
	dir := t.TempDir()
	var writers sync.WaitGroup
	for writer := range 8 {
		writers.Go(func() {
			for i := range 50 {
				program := filepath.Join(dir, strconv.Itoa(writer)+"-"+strconv.Itoa(i))
				if err := WriteProgram(program, []byte("#!/bin/sh\n")); err != nil {
					t.Error(err)
				}
				if err := exec.Command(program).Run(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
}
