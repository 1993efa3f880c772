package dashboard

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"contralens/internal/humanize"
	"contralens/rundir"
)

// Summary is a run's row in the overview.
type Summary struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	State    State  `json:"state"`
	Evidence string `json:"evidence"` // reason for State
	Method   string `json:"method"`
	FT       string `json:"ft"`
	Dataset  string `json:"dataset"`
	Arch     string `json:"arch"`
	Epoch    int    `json:"epoch"`  // current or last epoch
	Epochs   int    `json:"epochs"` // planned; 0 if unknown
	Step     int    `json:"step"`
	Steps    int    `json:"steps"` // planned; 0 if unknown

	Started  time.Time `json:"started"` // of the first session; zero if unknown
	Updated  time.Time `json:"updated"`
	Sessions int       `json:"sessions"` // 0 if unknown
	Left     float64   `json:"left"`     // estimated seconds to the last step; 0 if unknown

	Loss   *float64   `json:"loss"`    // mean of what LossOf says
	LossOf string     `json:"loss_of"` // such as "epoch 6" or "epoch 1 so far"
	Speed  *float64   `json:"speed"`   // images per second
	Spark  []float64  `json:"spark"`   // recent losses
	KNN    Accuracies `json:"knn"`
	// Evaluations has the best result of each protocol except knn: of this run, and of the
	// classifiers that were trained on its encoder. That of a detector is its last AP.
	Evaluations []Evaluation `json:"evaluations"`

	Badges  []Badge      `json:"badges"`
	Remarks rundir.Notes `json:"remarks"` // what people say about the run
	Notes   []string     `json:"notes"`   // what could not be read
	Scores  bool         `json:"scores"`
	Probe   bool         `json:"probe"`

	config  map[string]string
	encoder string // the directory of the evaluated encoder, as results.jsonl has it
}

// Badge is a diagnosis in the overview; see Finding.
type Badge struct {
	Rule  string `json:"rule"`
	Kind  string `json:"kind"`
	Title string `json:"title"`
}

// ftOf returns the feature transformation of a configuration: none, pos, neg or posneg, or
// "" if it does not say, as those of other programs.
func ftOf(config map[string]string) string {
	switch transforms, known := config["mixnorm"]; {
	case !known:
		return ""
	case transforms != "true":
		return "none"
	}
	return config["mixnorm_target"]
}

// classifier returns the command if it trained from labels, or "".
func classifier(r rundir.Record) string {
	if len(r.Command) > 1 && slices.Contains([]string{"supervised", "linear", "finetune"}, r.Command[1]) {
		return r.Command[1]
	}
	return ""
}

func (r *run) summarize(written, now time.Time) Summary {
	s := Summary{
		ID: r.id, Name: path.Base(r.id), Updated: written, Notes: []string{}, Spark: []float64{},
		Evaluations: []Evaluation{}, Badges: []Badge{},
	}
	if r.id == "." {
		s.Name = filepath.Base(r.server.path)
	}
	record, err := rundir.ReadRecordFS(folder{r})
	if err != nil {
		s.Notes = append(s.Notes, err.Error())
	}
	if s.Remarks, err = rundir.ReadNotes(folder{r}); err != nil {
		s.Notes = append(s.Notes, err.Error())
	}
	s.describe(record)
	labels := classifier(record)
	if labels != "" { // the method and its transformation are those of the encoder
		s.Method, s.FT = labels, ""
	}
	sign := signs{
		Planned: s.Epochs, Before: record.Planned, Written: written, Classifier: labels != "",
		Failure: rundir.Failure(folder{r}),
	}
	lines := rundir.LastMetrics(folder{r})
	s.readTail(lines, &sign)
	r.findLoss(&s, lines)
	if info, err := r.server.root.Stat(r.file(rundir.InterruptedFile)); err == nil {
		sign.Interrupted = info.ModTime()
	}
	sign.Evaluated = len(rundir.LastResults[json.RawMessage](folder{r})) > 0
	if sign.Classifier && sign.Evaluated {
		s.Epoch = s.Epochs
	}
	r.readResults(&s, lines)
	s.Scores = r.hasScores()
	s.Probe = slices.ContainsFunc(r.list("scores/probe"), func(e fs.DirEntry) bool { return e.Name() == "probe.json" })
	r.checkScores(&s)
	if f := r.foreign(record, func(err error) { s.Notes = append(s.Notes, err.Error()) }); f != nil {
		s.addForeign(f)
		s.Updated, _ = r.newest()
		sign.Written = s.Updated
	}
	s.State, s.Evidence = sign.state(now)
	if s.State != Running {
		s.Left = 0
	}
	if s.State == Finished { // a detector's epochs have no end of their own
		s.LossOf = strings.TrimSuffix(s.LossOf, " so far")
	}
	if len(s.Notes) > 0 && len(s.config) == 0 && s.Step == 0 {
		s.State, s.Evidence = Unread, "its files are not those of a run; see the note"
	}
	return s
}

// describe takes what run.json says.
func (s *Summary) describe(record rundir.Record) {
	c := record.Config
	s.config = c
	s.Method, s.FT, s.Dataset, s.Arch = c["method"], ftOf(c), c["dataset"], c["arch"]
	if s.Dataset == "folder" || s.Dataset == "" {
		if base := path.Base(filepath.ToSlash(c["data_folder"])); base != "." {
			s.Dataset = base
		}
	}
	s.Epochs, _ = strconv.Atoi(c["epochs"])
	if start, err := time.Parse(time.RFC3339, record.Start); err == nil {
		s.Started, s.Sessions = start, 1+len(record.Resumes)
	}
}

// readTail takes what the last lines of metrics.jsonl say about progress.
func (s *Summary) readTail(lines []rundir.Metrics, sign *signs) {
	var speeds []float64
	for _, l := range lines {
		s.Epoch = max(s.Epoch, int(l.Epoch))
		if l.Step != nil {
			s.Step = int(*l.Step)
		}
		if l.Steps != nil {
			s.Steps = int(*l.Steps)
		}
		if d := l.DetectionMetrics; d != nil && d.AP != nil && s.Step == s.Steps {
			sign.Tested = true
		}
		if l.EpochEnd {
			sign.Complete = int(l.Epoch)
			if s.Steps == 0 && l.Step != nil && l.Epoch >= 1 { // older runs do not record it
				s.Steps = int(*l.Step / l.Epoch * float64(s.Epochs))
			}
		}
		if l.Loss != nil {
			s.Spark = append(s.Spark, *l.Loss)
		}
		if l.Speed != nil {
			s.Speed = l.Speed
			speeds = append(speeds, *l.Speed)
		}
	}
	s.Spark = thin(s.Spark, 48)
	batch, _ := strconv.ParseFloat(s.config["batch_size"], 64)
	every, _ := strconv.ParseFloat(s.config["print_freq"], 64)
	if s.Speed == nil || *s.Speed <= 0 {
		return
	}
	sign.Interval = time.Duration(batch * every / *s.Speed * float64(time.Second))
	if usual := mean(speeds[max(0, len(speeds)-20):]); usual > 0 && s.Steps > s.Step {
		s.Left = float64(s.Steps-s.Step) * batch / usual
	}
}

// findLoss takes the mean loss of the last complete epoch, or of the epoch in training if
// none is complete. lines are the last ones of metrics.jsonl.
func (r *run) findLoss(s *Summary, lines []rundir.Metrics) {
	for _, l := range slices.Backward(lines) {
		if l.LossMean != nil {
			s.Loss, s.LossOf = l.LossMean, fmt.Sprintf("epoch %.0f", l.Epoch)
			return
		}
	}
	if s.Epoch > 1 {
		if l, ok := rundir.LastEpochEnd(folder{r}); ok {
			s.Loss, s.LossOf = l.LossMean, fmt.Sprintf("epoch %.0f", l.Epoch)
			return
		}
	}
	var losses []float64
	for _, l := range lines {
		if l.Loss != nil && int(l.Epoch) == s.Epoch {
			losses = append(losses, *l.Loss)
		}
	}
	if len(losses) > 0 {
		s.Loss, s.LossOf = new(mean(losses)), fmt.Sprintf("epoch %d so far", s.Epoch)
	}
}

// thin averages values down to at most n.
func thin(values []float64, n int) []float64 {
	if len(values) <= n {
		return values
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = mean(values[i*len(values)/n : (i+1)*len(values)/n])
	}
	return out
}

// checkScores notes why the run's scores cannot be read. From the scores it also takes
// what metrics.jsonl does not have, because other programs do not write one. It does
// not read score_EEE.npy, which may be large.
func (r *run) checkScores(s *Summary) {
	if err := r.validate(); err != nil {
		s.Notes = append(s.Notes, err.Error())
		return
	}
	if !r.recorded() {
		if s.Scores && s.Epoch == 0 {
			fmt.Sscanf(path.Base(r.lastScores("scores")+r.lastScores(".")), "score_%d", &s.Epoch)
		}
		return
	}
	source, err := r.scores()
	if err != nil {
		s.Notes = append(s.Notes, err.Error())
		return
	}
	if s.Step > 0 {
		return
	}
	first, last := source.Range()
	if last < first {
		return
	}
	s.Step = last
	for _, want := range []string{"loss", "epoch"} {
		if !slices.Contains(source.Series(), want) {
			continue
		}
		bins, err := source.Curve(want, s.Step-199, s.Step, 40)
		if err != nil || len(bins) == 0 {
			continue
		}
		if want == "epoch" {
			s.Epoch = int(bins[len(bins)-1].Max)
			continue
		}
		for _, b := range bins {
			s.Spark = append(s.Spark, b.Mean)
		}
		from := max(first, last-199)
		if recent, err := source.Summary(want, from, last); err == nil && recent.N > 0 {
			s.Loss, s.LossOf = &recent.Mean, "the last "+humanize.Count(last-from+1, "step")
		}
	}
}
