package train

import (
	"fmt"
	"slices"

	"contralens/checkpoint"
	"contralens/contrast"
	"contralens/methods"
	"contralens/nn"
	"contralens/statedict"
	"contralens/torch"
)

// The keys of the method's part of our record.
const (
	methodKey  = "method"
	queueKey   = "queue_index"
	originsKey = "origins"
)

// saveMethod is the method's part of our record in a checkpoint.
func saveMethod(m *methods.Model) checkpoint.Dict {
	state := m.Method.State()
	d := checkpoint.Dict{{Key: methodKey, Value: statedict.Of(state.Own, "")}}
	if state.Indices != nil {
		d = append(d, checkpoint.Item{Key: queueKey, Value: *state.Indices[0]})
	}
	if state.Origins != nil {
		d = append(d, checkpoint.Item{Key: originsKey, Value: statedict.Of(origins(state), "")})
	}
	return d
}

// origins is the entry of the memory's origins in our record.
func origins(state methods.State) nn.State {
	return nn.State{{Name: "rows", Tensor: state.Origins[0], Buffer: true}}
}

// loadMethod restores the method's memory from a checkpoint: from contrast, the entry
// that PyTorch code writes, too, and from our record, which may be nil.
func loadMethod(m *methods.Model, path string, contrast any, record checkpoint.Dict) error {
	state := m.Method.State()
	if err := loadRows(path, state.Contrast, checkpoint.AsDict(contrast)); err != nil {
		return err
	}
	if record == nil {
		return nil
	}
	for _, index := range state.Indices {
		*index = record.Int(queueKey)
	}
	if err := loadOrigins(path, state, record); err != nil {
		return err
	}
	return statedict.Load(path, state.Own, record.Get(methodKey), "")
}

// loadOrigins restores the origins of the memory's rows. Those of a checkpoint without any are not
// known.
func loadOrigins(path string, state methods.State, record checkpoint.Dict) error {
	if state.Origins == nil || record.Get(originsKey) == nil {
		torch.NoGrad(func() {
			for _, o := range state.Origins {
				o.Fill_(contrast.Unknown)
			}
		})
		return nil
	}
	if err := statedict.Load(path, origins(state), record.Get(originsKey), ""); err != nil {
		return err
	}
	torch.NoGrad(func() {
		for _, o := range state.Origins[1:] {
			o.Copy_(state.Origins[0])
		}
	})
	return nil
}

// loadRows copies a queue or bank.
func loadRows(path string, to nn.State, from checkpoint.Dict) error {
	for _, e := range to {
		rows, _ := from.Get(e.Name).(*checkpoint.Tensor)
		switch want := e.Tensor.Shape(); {
		case rows == nil:
			return fmt.Errorf("checkpoint %s: want contrast.%s %v, which is not there; was it trained with another --method, "+
				"--modal or --mem?", path, e.Name, want)
		case !slices.Equal(rows.Shape, want):
			return fmt.Errorf("checkpoint %s: contrast.%s: want %v, got %v; was it trained with another -k or -d, or a bank "+
				"on other images?", path, e.Name, want, rows.Shape)
		}
		torch.NoGrad(func() {
			torch.Scoped(func() { e.Tensor.Copy_(torch.FromFloat32(rows.Float32s(), rows.Shape...)) })
		})
	}
	return nil
}
