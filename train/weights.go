package train

import (
	"contralens/checkpoint/weights"
)

// LoadWeights loads the query encoder's weights from a checkpoint of any origin; the key
// encoder starts as their copy. notes are sentences for the user.
func (r *Run) LoadWeights(path string) (notes []string, err error) {
	file, err := weights.Open(path, "")
	if err != nil {
		return nil, err
	}
	found, err := file.EncoderAt(r.Config.Prefix, false)
	if err != nil {
		return nil, err
	}
	notes, err = found.Load(r.Model.Query, false, r.Config.Strict)
	if err != nil {
		return nil, err
	}
	if r.Model.Key != nil {
		r.Model.Key.State.CopyFrom(r.Model.Query.State)
	}
	return append(found.Notes(file), notes...), nil
}
