package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/rundir"
	"contralens/scores"
)

func scoresReplayCommand() *cobra.Command {
	var temperatures []float64
	step, asJSON := 0, false
	cmd := &cobra.Command{
		Use:   "replay RUN",
		Short: "Compute what another temperature would have done, from recorded scores",
		Long: `Compute InfoNCE at other temperatures from the recorded histograms of scores, with
features as they were: the loss, the effective number of negatives, and the share of the
gradient that a query's hardest negatives give. It is what the next step would have
seen, not what a training would have become. The histograms do not know which score
belongs to which query: docs/record-format.md says how far the results can be off.
Below a temperature of 0.1 they are rough.`,
		Example: `  contralens scores replay save/run --nce_t 0.07,0.1,0.2
  contralens scores replay save/run --step 2000 --json`,
		Args: cli.Arguments(1, "one run directory", "scores replay save/run"),
		RunE: func(c *cobra.Command, args []string) error {
			for _, τ := range temperatures {
				if !(τ > 0 && τ <= 100) {
					return cli.Wrong(fmt.Errorf("--nce_t: want temperatures above 0, at most 100, got %v", τ))
				}
			}
			if step < 0 {
				return cli.Wrong(fmt.Errorf("--step: want a step, or 0 for the last one, got %d", step))
			}
			s, err := scores.Open(args[0])
			if err != nil {
				return err
			}
			own, notes := 0.0, []string(nil)
			if about, err := rundir.ReadRecord(args[0]); err == nil && about != nil {
				if mem := about.Config["mem"]; mem == "target" || mem == "none" {
					return fmt.Errorf("%s: want a training with negatives (--mem moco, bank or batch), got one with --mem %s, "+
						"whose loss has no temperature", args[0], mem)
				}
				own, _ = strconv.ParseFloat(about.Config["nce_t"], 64)
				notes = replayNotes(about.Config)
			}
			if len(temperatures) == 0 {
				temperatures = []float64{0.05, 0.07, 0.1, 0.2, 0.5, 1}
			}
			if own > 0 {
				others := slices.DeleteFunc(temperatures, func(τ float64) bool { return τ == own })
				temperatures = append([]float64{own}, others...)
			}
			t, err := scores.AtTemperatures(s, step, temperatures)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			if asJSON {
				return json.NewEncoder(cli.Out).Encode(t)
			}
			printTemperatures(t, own)
			for _, n := range notes {
				fmt.Fprintln(cli.Out, n)
			}
			return nil
		},
	}
	cmd.Flags().Float64SliceVar(&temperatures, "nce_t", nil, "temperatures, separated by commas; empty: 0.05 to 1")
	cmd.Flags().IntVar(&step, "step", 0, "last of the steps whose scores are taken, 100 at most; 0: the last one")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// replayNotes says what the loss of a run has and the replayed InfoNCE has not.
func replayNotes(options map[string]string) (notes []string) {
	if options["mask_self"] == "true" {
		notes = append(notes, "the histograms have the older keys of the own image, which --mask_self leaves out of the loss")
	}
	if loss := options["loss"]; loss != "" && loss != "infonce" {
		notes = append(notes, fmt.Sprintf("the run's loss is --loss %s; this is InfoNCE", loss))
	}
	if synthetic := options["synthetic"]; synthetic != "" && synthetic != "none" {
		notes = append(notes, fmt.Sprintf("the histograms have no negatives of --synthetic %s", synthetic))
	}
	return notes
}

// printTemperatures prints a table. own is the run's temperature, whose line comes first; 0: it is not known.
func printTemperatures(t scores.Temperatures, own float64) {
	recorded := "no loss was recorded"
	if t.Recorded != nil {
		recorded = fmt.Sprintf("recorded loss %.4f", *t.Recorded)
	}
	fmt.Fprintf(cli.Out, "steps %d to %d, features as they were; %s\n\n", t.From, t.To, recorded)
	w := tabwriter.NewWriter(cli.Out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, strings.Join([]string{
		"nce_t", "loss", "of chance", "effective negatives", "hardest", "10 hardest", "100 hardest", "",
	}, "\t"))
	for i, r := range t.At {
		note := ""
		if i == 0 && own > 0 {
			note = "  the run's"
		}
		if r.Effective < 1 {
			note += "  too rough: less than one negative"
		}
		fmt.Fprintf(w, "%v\t%.4f\t%.0f %%\t%.1f\t%.1f %%\t%.1f %%\t%.1f %%\t%s\n", r.Temperature, r.Loss, 100*r.Loss/r.Chance,
			r.Effective, 100*r.Hardest[0], 100*r.Hardest[1], 100*r.Hardest[2], note)
	}
	w.Flush()
	if own > 0 && t.Recorded != nil {
		fmt.Fprintf(cli.Out, "\nat the run's own temperature the replayed loss is off by %+.3f, because histograms mix "+
			"the queries; at lower ones it is off by more\n", t.At[0].Loss-*t.Recorded)
	}
}
