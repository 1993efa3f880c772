// Package world tests that several processes train as one does.
//
// The tests run this program again, in a process per rank. Each trains what a job says and
// writes what it ends with to a file.
package world

import (
	"context"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"contralens/config"
	"contralens/contrast"
	"contralens/methods"
	"contralens/nn"
	"contralens/peers/join"
	"contralens/torch"
	"contralens/torch/dist"
	"contralens/train"
	"contralens/world"
)

// job is what one process does.
type job struct {
	World  world.World
	Store  string // file in which the processes meet
	Config config.Contrast
	Dir    string // run directory
	From   string // checkpoint to resume, if any
	Save   string // where the first process saves its state, if anywhere
	Out    string // file of the result
	Stop   int    // step after which the last rank asks all to stop; 0: none
	Keep   bool   // what the first step began with
}

// result is what a process ends with.
type result struct {
	Steps  []step
	State  map[string][]float32 // weights, momenta, memories, running statistics
	Groups int
	Notes  []string
	KNN    []float64 // accuracies, in the first process
	Kept   kept
}

// kept is what a step began with: the images of this process, what was drawn for all, and the state.
type kept struct {
	Crops              [][]float32
	Order, Permutation []int64
	Lambda             [2]float64 // of the positives and the negatives
	Rate               float64
	Before             map[string][]float32
}

// step is what a process knows of a step.
type step struct {
	Step             int
	Loss, Accuracy   float64
	Images           int
	Drawn            string // images and random numbers of the step
	Wait, Compute    []float64
	Negatives        int
	Scores           []float32
	Alignment, Norms float64
}

// do does the job of this process.
func do(text string) error {
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return err
	}
	torch.SetThreads(1)
	var out result
	err := torch.Run(func() error { return j.train(&out) })
	if err != nil {
		return err
	}
	f, err := os.Create(j.Out)
	if err != nil {
		return err
	}
	defer f.Close()
	return gob.NewEncoder(f).Encode(out)
}

func (j *job) train(out *result) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r, err := train.NewRun(ctx, j.World, j.Config, j.Dir, nil)
	if err != nil {
		return err
	}
	defer r.Close()
	if !j.World.Alone() {
		store, err := dist.NewFileStore(j.Store, j.World.Size)
		if err != nil {
			return err
		}
		defer store.Close()
		group, err := dist.NewGroup(store, dist.Options{Rank: j.World.Rank, Size: j.World.Size, Timeout: time.Minute})
		if err != nil {
			return err
		}
		defer group.Close()
		if err := r.Connect(join.Through(group)); err != nil {
			return err
		}
	}
	if j.From != "" {
		if out.Notes, err = r.Load(j.From); err != nil {
			return err
		}
	}
	log := &logged{Method: r.Model.Method}
	if j.Keep {
		log.kept, out.Kept.Before = &out.Kept, stateOf(r.Model)
	}
	r.Model.Method = log
	r.Hooks = []train.Hook{{
		EveryRank: true,
		Collect:   train.Always(methods.Collect{Scores: true, Statistics: true}),
		Step: func(r *train.Run, s train.Step) error {
			record := step{Step: s.Step, Loss: s.Loss, Accuracy: s.Accuracy, Images: s.Images, Drawn: log.drawn,
				Negatives: s.Negatives, Scores: s.Scores, Alignment: s.Statistics.Alignment}
			for _, c := range s.Ranks {
				record.Wait, record.Compute = append(record.Wait, c.Wait.Seconds()), append(record.Compute, c.Compute.Seconds())
			}
			out.Steps = append(out.Steps, record)
			if s.Step == 1 {
				out.Kept.Rate = s.Rate
			}
			if s.Step == j.Stop && j.World.Rank == max(j.World.Size, 1)-1 {
				cancel()
			}
			return nil
		},
	}}
	if j.Config.KNNEvery > 0 {
		r.Hooks = append(r.Hooks, train.KNNHook(ctx, j.Config.KNNEvery, func(_ int, accuracy float64) {
			out.KNN = append(out.KNN, accuracy)
		}, nil))
	}
	if err := r.Do(ctx); err != nil && err != train.ErrStopped {
		return err
	}
	r.Model.Method = log.Method
	out.Groups, out.State = r.Model.Groups, stateOf(r.Model)
	if j.Save != "" {
		return r.Save(j.Save)
	}
	return nil
}

// logged is a method that remembers what a step began with.
type logged struct {
	methods.Method
	drawn string
	kept  *kept // of the first step; nil: it is not kept
}

// KeyCrops are those of the method.
func (l *logged) KeyCrops() []methods.KeyCrop {
	if keyed, ok := l.Method.(interface{ KeyCrops() []methods.KeyCrop }); ok {
		return keyed.KeyCrops()
	}
	return nil
}

func (l *logged) Forward(b *methods.Batch) methods.Outcome {
	l.drawn = fmt.Sprint(b.Images, b.Len())
	b.Random = &told{b.Random, l}
	if l.kept != nil && l.kept.Crops == nil {
		for _, crop := range b.Crops {
			l.kept.Crops = append(l.kept.Crops, crop.Contiguous().Float32s())
		}
	}
	return l.Method.Forward(b)
}

// told is what a step draws, told to the log.
type told struct {
	methods.Random
	log *logged
}

func (t *told) Order(n int) []int64 {
	order := t.Random.Order(n)
	t.log.drawn += fmt.Sprint(" order ", order)
	if k := t.log.kept; k != nil && k.Order == nil {
		k.Order = order
	}
	return order
}

func (t *told) Transform(n, k, d int) contrast.Draw {
	draw := t.Random.Transform(n, k, d)
	if kept := t.log.kept; kept != nil && kept.Permutation == nil {
		kept.Lambda, kept.Permutation = [2]float64{draw.Positive.Value, draw.Negative.Value}, draw.Permutation.Int64s()
	}
	return draw
}

func (t *told) Patches(n int) []int64 {
	order := t.Random.Patches(n)
	t.log.drawn += fmt.Sprint(" patches ", order)
	return order
}

// stateOf returns all that a model keeps between steps.
func stateOf(m *methods.Model) map[string][]float32 {
	all := map[string][]float32{}
	add := func(prefix string, s nn.State) {
		for _, e := range s {
			all[prefix+e.Name] = e.Tensor.To(torch.Float32).Float32s()
		}
	}
	torch.Scoped(func() {
		add("query ", m.Query.State)
		if m.Key != nil {
			add("key ", m.Key.State)
		}
		add("memory ", slices.Concat(m.Method.State().Contrast))
		add("above ", m.Method.State().Own)
		for i, b := range m.Optimizer.Buffers {
			all[fmt.Sprintf("momentum %03d", i)] = b.Float32s()
		}
	})
	return all
}
