package controlplane

import (
	"fmt"
	"os"
	"path/filepath"
)

// StopEtcd stops etcd. The API server answers few requests until StartEtcd.
func (cp *ControlPlane) StopEtcd() error { return cp.env.ControlPlane.Etcd.Stop() }

// StartEtcd starts a stopped etcd again, with the same port and data.
func (cp *ControlPlane) StartEtcd() error { return cp.env.ControlPlane.Etcd.Start() }

// Backup copies the data of an etcd that is stopped into a folder that does not exist.
func (cp *ControlPlane) Backup(dir string) error {
	if err := os.CopyFS(dir, os.DirFS(cp.etcdDir())); err != nil {
		return fmt.Errorf("back up etcd: %w", err)
	}
	return nil
}

// Restore replaces the data of an etcd that is stopped by a backup. Resource versions go
// back with it.
func (cp *ControlPlane) Restore(backup string) error {
	err := os.RemoveAll(cp.etcdDir())
	if err == nil {
		err = os.CopyFS(cp.etcdDir(), os.DirFS(backup))
	}
	if err == nil {
		err = os.Chmod(cp.etcdDir(), 0o700) // etcd insists on it
	}
	if err != nil {
		return fmt.Errorf("restore etcd: %w", err)
	}
	return nil
}

// WhileStopped stops the API server and etcd, and starts them again after the work.
func (cp *ControlPlane) WhileStopped(work func() error) error {
	if err := cp.StopAPIServer(); err != nil {
		// It waits for open watches until it is killed. The second call finds it ended.
		if err := cp.StopAPIServer(); err != nil {
			return err
		}
	}
	if err := cp.StopEtcd(); err != nil {
		return err
	}
	if err := work(); err != nil {
		return err
	}
	if err := cp.StartEtcd(); err != nil {
		return err
	}
	return cp.StartAPIServer()
}

func (cp *ControlPlane) etcdDir() string { return filepath.Join(cp.dir, "data") }
