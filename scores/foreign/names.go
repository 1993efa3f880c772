package foreign

import (
	"slices"
	"strings"

	"contralens/scores/record"
)

// ours lists under which names other programs record the series that share a chart with
// ours, the best first. Names are compared without case, with "_" for other signs.
var ours = []struct {
	name string
	tags []string
}{
	{"loss", []string{
		"loss", "train_loss", "loss_train", "training_loss", "train_loss_step", "loss_step", "train_loss_epoch",
		"loss_epoch", "epoch_loss", "batch_loss", "total_loss", "train_total_loss", "loss_total", "losses_loss",
		"train_loss_ssl", "train_loss_total", "train_train_loss", "contrastive_loss", "train_contrastive_loss",
	}},
	{"lr", []string{
		"lr", "learning_rate", "train_lr", "lr_train", "train_learning_rate", "lr_sgd", "lr_adamw", "lr_adam", "lr_lars",
		"lr_pg0", "lr_pg1", "params_lr", "lr_0", "lr_step",
	}},
	{"epoch", []string{"epoch", "epochs", "train_epoch", "current_epoch"}},
}

// plain writes a tag in lowercase with "_" for everything but letters and digits.
func plain(tag string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(tag) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else if s := b.String(); s != "" && !strings.HasSuffix(s, "_") {
			b.WriteByte('_')
		}
	}
	return strings.TrimSuffix(b.String(), "_")
}

// tagOf returns the tag that a program records one of our series under, or "".
func (s *Source) tagOf(name string) string {
	for _, o := range ours {
		if o.name != name {
			continue
		}
		for _, want := range o.tags {
			if i := slices.Index(s.plains, want); i >= 0 {
				return s.order[i]
			}
		}
	}
	return ""
}

// id returns the name of a tag's series: a comma separates names in queries.
func id(tag string) string { return strings.ReplaceAll(tag, ",", ";") }

// tag returns the tag of a series.
func (s *Source) tag(name string) string {
	if tag := s.tagOf(name); tag != "" {
		return tag
	}
	if i := slices.IndexFunc(s.order, func(tag string) bool { return id(tag) == name }); i >= 0 {
		return s.order[i]
	}
	return ""
}

// Series describes the series, ours first, the others in the order in which they
// appeared. Their axes are the tags.
func (s *Source) Series() (list []record.Description) {
	used := map[string]bool{}
	for _, o := range ours {
		if tag := s.tagOf(o.name); tag != "" {
			used[tag] = true
			list = append(list, record.Description{Name: o.name, Title: record.Describe(o.name).Title, Axis: tag})
		}
	}
	for _, tag := range s.order {
		if !used[tag] {
			list = append(list, record.Description{Name: id(tag), Title: tag, Axis: tag})
		}
	}
	return list
}
