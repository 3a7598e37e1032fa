package main

import (
	"context"
	"sync"

	"google.golang.org/grpc/stats"
)

// counts are those of EchoServerStats.
type counts struct {
	StartedCalls           int `json:"startedCalls"`
	OpenCalls              int `json:"openCalls"`
	PeakOpenCalls          int `json:"peakOpenCalls"`
	PeakOpenCallsOnSession int `json:"peakOpenCallsOnSession"`
	CancelledCalls         int `json:"cancelledCalls"`
	FinishedCalls          int `json:"finishedCalls"`
	Sessions               int `json:"sessions"`
	AcceptedSessions       int `json:"acceptedSessions"`
}

type session struct{ openCalls int }

type sessionKey struct{}

// openCall is a call from its start to its one ending.
type openCall struct {
	ctx     context.Context
	session *session
}

// counters is also grpc's stats handler, which is told of connections.
type counters struct {
	mutex sync.Mutex
	counts
	open map[*openCall]struct{}
}

func newCounters() *counters { return &counters{open: map[*openCall]struct{}{}} }

func (c *counters) read() counts {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.endCancelled()
	return c.counts
}

func (c *counters) start(ctx context.Context) *openCall {
	session, _ := ctx.Value(sessionKey{}).(*session)
	started := &openCall{ctx, session}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.OpenCalls >= c.PeakOpenCalls || session.openCalls >= c.PeakOpenCallsOnSession {
		// A call that makes room for this one is over, whether or not its handler has come to know of it.
		c.endCancelled()
	}
	c.StartedCalls++
	c.OpenCalls++
	if c.OpenCalls > c.PeakOpenCalls {
		c.PeakOpenCalls = c.OpenCalls
	}
	session.openCalls++
	if session.openCalls > c.PeakOpenCallsOnSession {
		c.PeakOpenCallsOnSession = session.openCalls
	}
	c.open[started] = struct{}{}
	return started
}

// end counts the ending of a call, the first time that it is told of it.
func (c *counters) end(call *openCall) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.endOnce(call)
}

func (c *counters) endCancelled() {
	for call := range c.open {
		if call.ctx.Err() != nil {
			c.endOnce(call)
		}
	}
}

func (c *counters) endOnce(call *openCall) {
	if _, isOpen := c.open[call]; !isOpen {
		return
	}
	delete(c.open, call)
	c.OpenCalls--
	call.session.openCalls--
	if call.ctx.Err() != nil {
		c.CancelledCalls++
	} else {
		c.FinishedCalls++
	}
}

// TagConn gives the calls of one connection something in common.
func (c *counters) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return context.WithValue(ctx, sessionKey{}, &session{})
}

// HandleConn counts connections. grpc-go tells of one after its HTTP/2 preface, and of its end.
func (c *counters) HandleConn(_ context.Context, event stats.ConnStats) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch event.(type) {
	case *stats.ConnBegin:
		c.Sessions++
		c.AcceptedSessions++
	case *stats.ConnEnd:
		c.Sessions--
	}
}

func (c *counters) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (c *counters) HandleRPC(context.Context, stats.RPCStats) {}
