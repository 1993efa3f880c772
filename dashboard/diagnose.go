package dashboard

import (
	"fmt"
	"math"
	"slices"

	"contralens/config"
	"contralens/diagnose"
)

// Evidence is the input of Diagnose: options of a run, and statistics of its last
// steps. Unknown values are zero or missing.
type Evidence struct {
	Memory     string // source of the negatives (--mem); empty if unknown
	Tau, Alpha float64
	K, Keys    int    // K: negatives per query from a queue or bank; Keys: enter the queue in each step
	FT         string // none, pos, neg, posneg; empty if unknown
	Step       int    // last step
	Collapse   int    // the step at which the training itself warned of a collapse; 0: it did not
	Slow       string // what the training said of a process that all others wait for; empty: nothing

	Recent  map[string]float64 // means of the series over the last twentieth of the steps, at most 1,000
	Earlier map[string]float64 // means of the same number of steps in the middle of the run
	Jumps   map[string]float64 // standard deviations of the changes of the series from one step to the next
	// Vitals are diagnosed by package diagnose, whose rules replace those of this page for the same causes; no
	// lines: an older run, or another program's.
	Vitals diagnose.Case
	damage error // of the file of the vitals

	KNN []float64 // accuracies in percent, oldest first, starting before training
}

// Finding is a diagnosis.
type Finding struct {
	Rule     string   `json:"rule"`
	Kind     string   `json:"kind"` // error, warning, hint, note or good
	Title    string   `json:"title"`
	Text     string   `json:"text"`     // what it means and what may help
	Evidence []string `json:"evidence"` // the numbers that it is based on
}

// Diagnose returns what the evidence suggests. The limits are rules of thumb: they
// point to charts to look at and prove nothing.
func Diagnose(e Evidence) []Finding {
	var found []Finding
	rules := []func(Evidence) *Finding{
		together, leak, keyTooFast, keyTooSlow, saturated, easyNegatives, ownKeys, queueFilling,
	}
	if e.Step < settled {
		rules = []func(Evidence) *Finding{tooEarly, queueFilling}
	}
	for _, rule := range rules {
		if f := rule(e); f != nil {
			found = append(found, *f)
		}
	}
	diagnosed := e.diagnosed()
	sure := slices.ContainsFunc(diagnosed, func(f Finding) bool { return f.Kind == "warning" })
	found = append(diagnosed, slices.DeleteFunc(found, func(f Finding) bool {
		return e.replaced(f) || sure && f.Rule == "early" // a sure diagnosis does not wait
	})...)
	if f := slowProcess(e); f != nil {
		found = append(found, *f)
	}
	// Without scores and the contrastive loss, as in the training of a detector, nothing is known.
	if basics := e.basics(); len(found) == 0 && len(basics) > 0 {
		last := tooEarly(e)
		if e.Vitals.Early() == "" {
			last = &Finding{Rule: "healthy", Kind: "good", Title: "Nothing stands out",
				Text: "The last steps show none of the known problems.", Evidence: basics}
		}
		found = append(found, *last)
	}
	return found
}

// slowProcess: all processes wait for one.
func slowProcess(e Evidence) *Finding {
	if e.Slow == "" {
		return nil
	}
	return &Finding{Rule: "slow_rank", Kind: "hint", Title: "All processes wait for one",
		Text: "The processes of a training take every step together, so the slowest one sets the pace. Other programs on " +
			"its machine, a slower disk or fewer processors may be why.",
		Evidence: []string{e.Slow}}
}

// settled is the first step with meaningful statistics.
const settled = diagnose.EarlySteps

// queue reports whether negatives come from a queue, or may do so.
func (e Evidence) queue() bool { return e.Memory == "" || e.Memory == "moco" }

// negatives reports whether the loss has negatives, or may have them. If it has none,
// the recorded ones are the other images of the batch, for comparison.
func (e Evidence) negatives() bool {
	memory, known := config.Memories[e.Memory]
	return !known || memory.Negatives
}

func tooEarly(e Evidence) *Finding {
	if len(e.basics()) == 0 {
		return nil
	}
	why := e.Vitals.Early()
	if why == "" {
		why = fmt.Sprintf("%d steps are done; a training is called healthy from step %d on", e.Step, settled)
	}
	title := "It is too early to tell"
	if e.Vitals.Short() {
		title = "The training is too short to tell"
	}
	return &Finding{Rule: "early", Kind: "note", Title: title,
		Text: "The features of an untrained network all point nearly the same way, and the first steps pull them " +
			"apart. Most diagnoses come later.",
		Evidence: []string{why}}
}

// raw returns a statistic before the feature transformation. Without the
// transformation, that is the statistic itself.
func (e Evidence) raw(name string) (float64, bool) {
	if v, ok := e.Recent["raw_"+name]; ok {
		return v, true
	}
	v, ok := e.Recent[name]
	return v, ok
}

func (e Evidence) basics() []string {
	var list []string
	for _, s := range []struct{ name, title string }{{"pos_mean", "positives"}, {"neg_mean", "negatives"}} {
		if v, ok := e.raw(s.name); ok {
			list = append(list, fmt.Sprintf("%s: mean score %.2f", s.title, v))
		}
	}
	if v, ok := e.Recent["loss"]; ok {
		list = append(list, fmt.Sprintf("loss %.3f", v))
	}
	return list
}

// leak: the contrastive task is solved, but the features do not improve, for example
// because batch norm reveals which key belongs to a query.
func leak(e Evidence) *Finding {
	accuracy, ok := e.Recent["accuracy"]
	if !ok || len(e.KNN) < 2 || accuracy < 80 {
		return nil
	}
	first, last := e.KNN[0], e.KNN[len(e.KNN)-1]
	if last-first > 2 {
		return nil
	}
	return &Finding{Rule: "leak", Kind: "warning", Title: "The task is solved without learning: a leak?",
		Text: "Positives are found almost always, yet neighbors in feature space share classes no more often than " +
			"before. Batch norm may give away which key belongs to a query (are keys shuffled?), or the views of an image " +
			"may share a shortcut such as its colors.",
		Evidence: []string{
			fmt.Sprintf("contrastive accuracy %.1f %%", accuracy),
			fmt.Sprintf("k-NN %.1f %% now, %.1f %% at first", last, first),
		},
	}
}

// keyTooFast: the keys in the queue come from encoders that have changed since, and
// scores jump by a considerable part of the temperature.
func keyTooFast(e Evidence) *Finding {
	jump, ok := e.Jumps["raw_neg_mean"]
	if !ok {
		jump, ok = e.Jumps["neg_mean"]
		// Mixed negatives jump anyway.
		ok = ok && (e.FT == "none" || e.FT == "pos")
	}
	if !ok || !e.queue() || e.Tau <= 0 || e.Alpha <= 0 || e.Alpha >= 1 || e.Keys == 0 {
		return nil
	}
	memory, queue := 1/(1-e.Alpha), float64(e.K)/float64(e.Keys)
	if memory > queue/4 || jump < 0.1*e.Tau {
		return nil
	}
	return &Finding{Rule: "key-fast", Kind: "warning", Title: "The key encoder changes too fast",
		Text: "The keys in the queue come from different encoders, so the scores of negatives depend more on a " +
			"key's age than on its image. A momentum α closer to 1, a shorter queue or a higher temperature helps.",
		Evidence: []string{
			fmt.Sprintf("the mean negative score jumps by %.3f per step, %.0f %% of τ = %v", jump, 100*jump/e.Tau, e.Tau),
			fmt.Sprintf("with α = %v the key encoder is renewed every %.0f steps, the queue every %.0f", e.Alpha, memory, queue),
		},
	}
}

// keyTooSlow: the key encoder is far behind the query encoder, and positives hardly
// stand out on the scale of the temperature.
func keyTooSlow(e Evidence) *Finding {
	pos, okPos := e.raw("pos_mean")
	neg, okNeg := e.raw("neg_mean")
	if !okPos || !okNeg || !e.queue() || e.Tau <= 0 || e.Alpha <= 0 || e.Alpha > 1 || e.Step < 300 {
		return nil
	}
	memory := 1 / (1 - e.Alpha)
	if memory < float64(e.Step)/2 || pos-neg > e.Tau {
		return nil
	}
	renewed := fmt.Sprintf("with α = %v the key encoder is renewed every %.0f steps; %d are done", e.Alpha, memory, e.Step)
	if e.Alpha == 1 {
		renewed = "with α = 1 the key encoder never changes"
	}
	return &Finding{Rule: "key-slow", Kind: "warning", Title: "The key encoder follows too slowly",
		Text: "Queries are compared with the keys of an outdated encoder, and positives hardly stand out from " +
			"negatives. Use a smaller momentum α for short training.",
		Evidence: []string{renewed, fmt.Sprintf("positives are %.3f above negatives, τ is %v", pos-neg, e.Tau)}}
}

// saturated: positives are as similar as possible. The paper's extrapolation makes them
// harder.
func saturated(e Evidence) *Finding {
	pos, ok := e.raw("pos_mean")
	if !ok || pos < 0.9 || e.FT != "none" {
		return nil
	}
	if neg, ok := e.raw("neg_mean"); ok && neg > 0.5 {
		return nil // everything is similar: a collapse, not easy positives
	}
	ft := "--ft pos or posneg"
	if !e.negatives() {
		ft = "--ft pos"
	}
	return &Finding{Rule: "saturated", Kind: "hint", Title: "Positives are saturated: feature transformation could help",
		Text: "The two views of an image are almost the same to the encoder, so positives teach it little. " +
			"Extrapolating them (" + ft + ") makes them harder; so do stronger augmentations.",
		Evidence: []string{fmt.Sprintf("positives: mean score %.3f of at most 1", pos), "no feature transformation"}}
}

// easyNegatives: even the hardest negative has little weight in the loss.
func easyNegatives(e Evidence) *Finding {
	pos, okPos := e.Recent["pos_mean"]
	hard, okHard := e.Recent["hardest_neg"]
	if !okPos || !okHard || !e.negatives() || e.Tau <= 0 {
		return nil
	}
	gap := (pos - hard) / e.Tau
	if gap < 2 {
		return nil
	}
	more := map[string]string{"bank": "More drawn negatives (-k)", "batch": "A larger batch"}[e.Memory]
	if more == "" {
		more = "A longer queue (-k)"
	}
	f := &Finding{Rule: "easy-negatives", Kind: "hint", Title: "The negatives are too easy",
		Text: "Even the hardest negative is far from the positive, so the loss has little to learn from. " + more +
			", a higher temperature, or interpolated negatives (--ft neg or posneg) make harder ones.",
		Evidence: []string{fmt.Sprintf("the hardest negative scores %.2f, the positive %.2f: %.1f τ apart, "+
			"so it weighs %.1f %% of it", hard, pos, gap, 100*math.Exp(-gap))}}
	if n, ok := e.Recent["effective_negatives"]; ok && e.K > 0 {
		f.Evidence = append(f.Evidence, fmt.Sprintf("%.0f of %d negatives share the gradient", n, e.K))
	}
	return f
}

// ownShare is the most that the query's own image may give of the negatives' gradient.
const ownShare = 0.05

// ownKeys: older keys of the query's own image are among the heaviest negatives.
func ownKeys(e Evidence) *Finding {
	share, ok := e.Recent["grad_own"]
	if !ok || share < ownShare {
		return nil
	}
	f := &Finding{Rule: "own", Kind: "hint", Title: "Images are pushed away from themselves",
		Text: "Older keys of the query's own image are among its negatives: the queue is longer than the data, or " +
			"nearly so. They pull against the positive. --mask_self leaves them out; so does a queue (--nce_k) that is much " +
			"shorter than the data. Images shows them.",
		Evidence: []string{fmt.Sprintf("keys of the own image give %.0f %% of the negatives' gradient", 100*share)}}
	if age, ok := e.Recent["grad_age"]; ok {
		f.Evidence = append(f.Evidence, fmt.Sprintf("what pushes is %.0f steps old on average", age))
	}
	return f
}

// queueFilling: the queue still has random keys.
func queueFilling(e Evidence) *Finding {
	if !e.queue() {
		return nil
	}
	fill, ok := e.Recent["queue_fill"]
	if e.K > 0 && e.Keys > 0 && e.Step > 0 {
		fill, ok = float64(e.Step)*float64(e.Keys)/float64(e.K), true
	}
	if !ok || fill >= 1 {
		return nil
	}
	f := &Finding{Rule: "queue", Kind: "note", Title: "The queue is not full yet",
		Text: "Some negatives are still the random vectors that the queue started with. They are easy, so loss and " +
			"accuracy look better than they are until the queue is full.",
		Evidence: []string{fmt.Sprintf("%.0f %% of the queue are trained keys", 100*fill)}}
	if e.K > 0 && e.Keys > 0 {
		f.Evidence = append(f.Evidence, fmt.Sprintf("it is full at step %d", (e.K+e.Keys-1)/e.Keys))
	}
	return f
}
