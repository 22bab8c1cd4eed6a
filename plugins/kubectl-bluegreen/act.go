package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-switchyard/switchyard/pkg/cli"
	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/kube"
	"github.com/kubectl-switchyard/switchyard/pkg/output"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
)

// actFlags are the flags of every verb that writes.
type actFlags struct {
	Yes, TakeLock              bool
	AllowGitOps, AllowUnprobed bool
	DryRun                     cli.DryRun
	Timeout, DrainDelay        time.Duration
	SlotKey                    string
	Output                     output.Flags
}

func (f *actFlags) add(fs *pflag.FlagSet) {
	fs.BoolVarP(&f.Yes, "yes", "y", false, "go on without asking")
	fs.BoolVar(&f.TakeLock, "take-lock", false, "take the lock from whoever holds it; only when you know that one is dead")
	fs.BoolVar(&f.AllowGitOps, "allow-gitops", false, "write to objects that a GitOps tool manages; commit the change too, or the tool reverts it")
	fs.BoolVar(&f.AllowUnprobed, "allow-unprobed", false, "accept a new side with neither readiness probe nor minReadySeconds, whose pods count as ready at process start")
	cli.AddDryRunFlag(fs, &f.DryRun)
	fs.DurationVar(&f.Timeout, "timeout", 10*time.Minute, "give up after this long, soak and keep-old not counted; the same command resumes")
	fs.DurationVar(&f.DrainDelay, "drain-delay", 0, "how long nodes and load balancers get to follow once a side has no endpoints, before it shrinks (default 5s; 60s for a LoadBalancer)")
	fs.StringVar(&f.SlotKey, "slot-key", "", "the `LABEL` that tells the slots apart, when it is not found by itself")
	f.Output.AddFlags(fs)
}

// actor carries one acting verb out.
type actor struct {
	actFlags
	env      *cli.Env
	client   *kube.Client
	messages *output.Messages
	events   *release.Events
	engine   *release.Engine
	// names are the Services that were named; primary is the one that carries the journal, and lockName the one that the
	// lock is named after, once they were read.
	names             []string
	primary, lockName string
	by                string
	// readVersion is the primary Service's resourceVersion when the plan was made, at readAt.
	readVersion string
	readAt      time.Time
	// background holds writes that nothing waits for before the end.
	background sync.WaitGroup
	// allowed are the facts on which the plan allowed a switch.
	allowed *facts
	// judged are the facts that the last switch was judged by.
	judged *facts
	// toldUnread are the kinds of which the user was told that they were not checked.
	toldUnread []string
}

// operation is what a verb worked out: its plan, and what is known in advance of its result.
type operation struct {
	plan   release.Plan
	result result
	// objects are what the plan creates or changes, fit for Git.
	objects []*unstructured.Unstructured
	// patience is how long the plan waits by intent (soak, keep-old), on top of --timeout.
	patience time.Duration
	// failed is called when a step failed; it may change the error.
	failed func(ctx context.Context, err error) error
}

// newActor checks the arguments of an acting verb. It makes no request, unless there is no argument at all.
func newActor(ctx context.Context, env *cli.Env, flags actFlags, args []string) (*actor, error) {
	if flags.Timeout <= 0 {
		return nil, exit.Errorf(exit.Usage, "--timeout %s: must be longer than 0s", flags.Timeout)
	}
	if flags.DrainDelay < 0 {
		return nil, exit.Errorf(exit.Usage, "--drain-delay %s: must not be negative", flags.DrainDelay)
	}
	names, err := parseServices(args)
	if err != nil {
		return nil, err
	}
	client, err := kube.New(env.Config)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, needService(ctx, client)
	}
	messages := env.Messages()
	a := &actor{actFlags: flags, env: env, client: client, messages: messages, names: names, primary: names[0], by: release.Operator()}
	a.engine = &release.Engine{Messages: messages, SkipWaits: flags.DryRun.Active(), Suffix: flags.DryRun.Suffix()}
	a.events = &release.Events{
		Client: client.Typed, Component: "kubectl-bluegreen", DryRun: flags.DryRun.Active(), Say: messages.Notef,
		About: corev1.ObjectReference{APIVersion: "v1", Kind: "Service", Namespace: client.Namespace, Name: names[0]},
	}
	return a, nil
}

// act plans, asks, locks, plans again on what is live then, and carries the plan out. makePlan must only read.
func (a *actor) act(ctx context.Context, verb string, makePlan func(context.Context) (*operation, error)) error {
	printer, err := a.env.Printer(a.Output)
	if err != nil {
		return err
	}
	op, err := makePlan(ctx)
	if err != nil {
		return err
	}
	if len(op.plan.Steps) == 0 {
		a.tell(op.plan)
		return printer.Print(&op.result)
	}
	if a.DryRun == cli.DryRunClient {
		return a.printPlan(printer, op)
	}
	a.messages.Infof("%s", output.Text(op.plan.Text()))
	if err := a.confirm(ctx, verb); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, a.Timeout+op.patience)
	defer cancel()
	if a.DryRun == cli.DryRunNone {
		unlock, err := a.lock(ctx, verb)
		if err != nil {
			return err
		}
		defer unlock()
		if op, err = a.planAgain(ctx, op, makePlan); err != nil {
			return err
		}
		if len(op.plan.Steps) == 0 {
			a.tell(op.plan)
			return printer.Print(&op.result)
		}
	}
	return a.carryOut(ctx, printer, op)
}

func (a *actor) tell(plan release.Plan) {
	for _, note := range plan.Notes {
		a.messages.Notef("%s", note)
	}
	for _, warning := range plan.Warnings {
		a.messages.Warnf("%s", warning)
	}
}

func (a *actor) confirm(ctx context.Context, verb string) error {
	if a.Yes || a.DryRun.Active() {
		return nil
	}
	yes, err := cli.Confirm(ctx, a.env, fmt.Sprintf("%s service %s in namespace %s?", verb, a.primary, a.client.Namespace))
	if err == nil && !yes {
		err = exit.Errorf(exit.Usage, "not confirmed; nothing was changed")
	}
	return err
}

func (a *actor) lock(ctx context.Context, verb string) (func(), error) {
	lock, err := release.Acquire(ctx, a.client.Typed, release.LockRequest{
		Namespace: a.client.Namespace, Target: "service/" + a.lockName, Holder: a.by, Operation: verb + " " + a.primary,
		Force: a.TakeLock, Say: a.messages.Infof,
	})
	if err != nil {
		return nil, err
	}
	a.engine.Lock = lock
	return lock.Release, nil
}

// planAgain plans on what is live now that the lock is held. Somebody may have changed things since the plan was shown;
// then it is not what was approved.
func (a *actor) planAgain(ctx context.Context, approved *operation, makePlan func(context.Context) (*operation, error)) (*operation, error) {
	if a.stands(ctx) {
		return approved, nil
	}
	now, err := makePlan(ctx)
	if err != nil {
		return nil, err
	}
	if !now.plan.Within(approved.plan) {
		return nil, exit.Errorf(exit.Conflict, "the cluster was changed since this plan was made, and the plan would now be another one; "+
			"nothing was changed. Run the command again to see it")
	}
	return now, nil
}

// stands tells whether a plan that was made a moment ago, and that nobody had to think about, still stands: every release
// operation writes the primary Service, so none has begun or ended while that is unchanged. What else matters is read
// again by the steps.
func (a *actor) stands(ctx context.Context) bool {
	const moment = time.Second
	if !a.Yes || time.Since(a.readAt) > moment {
		return false
	}
	live, err := a.client.Typed.CoreV1().Services(a.client.Namespace).Get(ctx, a.primary, metav1.GetOptions{})
	return err == nil && live.ResourceVersion == a.readVersion
}

func (a *actor) carryOut(ctx context.Context, printer *output.Printer, op *operation) error {
	start := time.Now()
	timings, err := a.engine.Run(ctx, op.plan.Steps)
	if err != nil && ctx.Err() != nil && exit.CodeOf(err) == exit.CodeOf(ctx.Err()) && errors.Is(err, ctx.Err()) {
		err = exit.Ended(ctx, "step %d of %d, %s", len(timings)+1, len(op.plan.Steps), op.plan.Steps[min(len(timings), len(op.plan.Steps)-1)].Text)
	}
	if err != nil && op.failed != nil && !a.DryRun.Active() {
		err = op.failed(ctx, err)
	}
	a.background.Wait()
	op.result.Steps = append(op.result.Steps, timings...)
	op.result.Seconds = time.Since(start).Seconds()
	if a.DryRun.Active() {
		op.result.DryRun = string(a.DryRun)
	}
	var waiting *atGateError
	switch {
	case errors.As(err, &waiting):
		op.result.Result, op.result.Reason = resultWaiting, waiting.Error()
	case err != nil:
		op.result.Result, op.result.Reason = resultFailed, err.Error()
	}
	if err != nil && !printer.Format().IsDocument() {
		return err
	}
	return errors.Join(err, printer.Print(&op.result))
}

// printPlan is the client dry run: the plan itself is the result, or with -o yaml or json the objects for Git.
func (a *actor) printPlan(printer *output.Printer, op *operation) error {
	if printer.Format().IsDocument() {
		return printObjects(a.env.Out, printer.Format(), op.objects)
	}
	return printer.Printf("%s%s\n", output.Text(op.plan.Text()), a.DryRun.Suffix()[1:])
}

// progress writes a line of a step that waits, below the step.
func (a *actor) progress(line string) { a.messages.Infof("      %s", line) }

// actingVerb makes the cobra command of an acting verb.
func actingVerb(env *cli.Env, use, short, long, example string, run func(cmd *cobra.Command, args []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long, Example: example, RunE: run,
		Args: cli.RangeArgs(0, -1, "SERVICE"), ValidArgsFunction: completeServices(env),
	}
}
