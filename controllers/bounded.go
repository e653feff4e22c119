package controllers

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// maxRead bounds a live read. A read that hangs would otherwise hold its worker for the whole
// pass.
const maxRead = 10 * time.Second

// boundedReader bounds live reads in time and in number.
type boundedReader struct {
	client.Reader
	calls *calls
}

// Get implements client.Reader.
func (b boundedReader) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	return b.read(ctx, key.Namespace, func(ctx context.Context) error { return b.Reader.Get(ctx, key, object, options...) })
}

// List implements client.Reader.
func (b boundedReader) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	in := (&client.ListOptions{}).ApplyOptions(options).Namespace
	return b.read(ctx, in, func(ctx context.Context) error { return b.Reader.List(ctx, list, options...) })
}

func (b boundedReader) read(ctx context.Context, namespace string, read func(context.Context) error) error {
	return b.calls.do(ctx, groupName{namespace, readCall}, func() error {
		ctx, cancel := context.WithTimeout(ctx, maxRead)
		defer cancel()
		return read(ctx)
	})
}

// boundedClient bounds writes in number. Its reads come from caches.
type boundedClient struct {
	client.Client
	calls *calls
}

// Create implements client.Client.
func (b boundedClient) Create(ctx context.Context, object client.Object, options ...client.CreateOption) error {
	return b.calls.do(ctx, groupName{object.GetNamespace(), secretWrite}, func() error { return b.Client.Create(ctx, object, options...) })
}

// Update implements client.Client.
func (b boundedClient) Update(ctx context.Context, object client.Object, options ...client.UpdateOption) error {
	return b.calls.do(ctx, groupName{object.GetNamespace(), secretWrite}, func() error { return b.Client.Update(ctx, object, options...) })
}

// Status implements client.Client.
func (b boundedClient) Status() client.SubResourceWriter {
	return boundedStatus{b.Client.Status(), b.calls}
}

type boundedStatus struct {
	client.SubResourceWriter
	calls *calls
}

// Patch implements client.SubResourceWriter.
func (b boundedStatus) Patch(ctx context.Context, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
	return b.calls.do(ctx, groupName{object.GetNamespace(), statusWrite}, func() error { return b.SubResourceWriter.Patch(ctx, object, patch, options...) })
}
