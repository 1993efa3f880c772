package join

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"contralens/dist"
	"contralens/torch"
	group "contralens/torch/dist"
)

// meetings are those of two processes of one launch.
func meetings(t *testing.T) (zero, one *Meeting) {
	t.Helper()
	server, err := group.NewTCPStore(t.Context(), group.TCPOptions{Host: "127.0.0.1", Server: true, World: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	timing := dist.Timing{Join: 20 * time.Second}
	var both [2]*Meeting
	for rank := range both {
		l := dist.Launch{Source: "torchrun", Rank: rank, Size: 2, Host: "127.0.0.1", Port: server.Port(), Agent: true, Run: "job"}
		if both[rank], err = Meet(t.Context(), l, timing, nil); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(both[rank].Close)
	}
	return both[0], both[1]
}

// All ranks get what rank 0 has chosen, and only rank 0 measures.
func TestChoose(t *testing.T) {
	zero, one := meetings(t)
	var wait sync.WaitGroup
	wait.Go(func() {
		got, err := one.Choose(t.Context(), func() (string, error) { t.Error("rank 1 measures"); return "fp32", nil })
		if got != "bf16" || err != nil {
			t.Errorf("rank 1 has %q, %v", got, err)
		}
	})
	got, err := zero.Choose(t.Context(), func() (string, error) { time.Sleep(100 * time.Millisecond); return "bf16", nil })
	if got != "bf16" || err != nil {
		t.Errorf("rank 0 has %q, %v", got, err)
	}
	wait.Wait()
}

// A rank that waits for a choice ends with its context, and when rank 0 does not come in time.
func TestChooseEnds(t *testing.T) {
	_, one := meetings(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped by a signal")
	cancel(stopped)
	if _, err := one.Choose(ctx, nil); !errors.Is(err, stopped) {
		t.Errorf("got %v", err)
	}
	one.timing.Join = time.Millisecond
	if _, err := one.Choose(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "rank 0 has not come, or still measures") {
		t.Errorf("got %v", err)
	}
}

// On GPUs nothing but NCCL will do: without it the first exchange would fail in libtorch's words.
func TestBackend(t *testing.T) {
	for _, c := range []struct {
		device torch.Device
		has    []string
		gloo   bool
		want   string
		wrong  string
	}{
		{torch.CPU, []string{group.Gloo, group.NCCL}, true, group.Gloo, ""},
		{torch.CUDA(1), []string{group.Gloo, group.NCCL}, false, group.NCCL, ""},
		{torch.CUDA(1), []string{group.Gloo}, false, "", "headers of NCCL"},
		{torch.CUDA(1), []string{group.Gloo, group.NCCL}, true, "", "--dist-backend: want nccl, because Gloo exchanges no tensors of GPUs"},
	} {
		got, err := backend(c.device, c.has, c.gloo)
		if got != c.want || (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%v with %v: %q, %v", c.device, c.has, got, err)
		}
	}
}
