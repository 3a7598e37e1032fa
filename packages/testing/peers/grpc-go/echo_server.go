package main

import (
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"echo"
)

// echoServer does what echo-handlers.ts does, call for call.
type echoServer struct {
	counters       *counters
	defaultDelayMs uint32
}

// call is what the four kinds have in common.
type call struct {
	server *echoServer
	ctx    context.Context
	asked  metadata.MD
	send   func(metadata.MD) error
	trail  func(metadata.MD)
	open   *openCall

	mutex            sync.Mutex
	metadataSent     bool
	sequence         uint32
	receivedMessages uint32
	receivedBytes    uint64
}

func (s *echoServer) begin(ctx context.Context, send func(metadata.MD) error, trail func(metadata.MD)) *call {
	asked, _ := metadata.FromIncomingContext(ctx)
	return &call{server: s, ctx: ctx, asked: asked, send: send, trail: trail, open: s.counters.start(ctx)}
}

func (s *echoServer) beginStream(stream grpc.ServerStream) *call {
	return s.begin(stream.Context(), stream.SendHeader, stream.SetTrailer)
}

// over is for the handler to say before its status goes out.
func (c *call) over() {
	c.server.counters.end(c.open)
}

func (s *echoServer) delayOf(request *echo.EchoRequest) time.Duration {
	delayMs := s.defaultDelayMs
	if request.GetHasDelayMs() != nil {
		delayMs = request.GetDelayMs()
	}
	return time.Duration(delayMs) * time.Millisecond
}

// wait takes the time that the request asks for.
func (c *call) wait(request *echo.EchoRequest) error {
	delay := c.server.delayOf(request)
	if delay == 0 {
		return nil
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.ctx.Done():
		return c.cancelled()
	}
}

func (c *call) hang() error {
	<-c.ctx.Done()
	return c.cancelled()
}

// cancelled is how the client, its deadline or its connection ended the call.
func (c *call) cancelled() error {
	return status.FromContextError(c.ctx.Err()).Err()
}

func (c *call) echoed(names []string) metadata.MD {
	md := metadata.MD{}
	for _, name := range names {
		if values := c.asked.Get(name); len(values) > 0 {
			md.Append(name, values...)
		}
	}
	return md
}

func (c *call) receive(request *echo.EchoRequest) {
	c.mutex.Lock()
	c.receivedMessages++
	c.receivedBytes += uint64(len(request.GetPayload()))
	sendsMetadata := request.GetSendInitialMetadata() && !c.metadataSent
	c.metadataSent = c.metadataSent || sendsMetadata
	c.mutex.Unlock()
	if sendsMetadata {
		// Fails only when the call is over, which is noticed elsewhere.
		_ = c.send(c.echoed(request.GetEchoMetadata()))
	}
	if names := request.GetEchoTrailers(); len(names) > 0 {
		c.trail(c.echoed(names))
	}
}

func (c *call) respond(request *echo.EchoRequest) *echo.EchoResponse {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	response := &echo.EchoResponse{
		Payload:          request.GetPayload(),
		Sequence:         c.sequence,
		ReceivedMessages: c.receivedMessages,
		ReceivedBytes:    c.receivedBytes,
		Metadata:         map[string]string{},
	}
	c.sequence++
	if bytes := request.GetResponseBytes(); bytes > 0 {
		response.Payload = make([]byte, bytes)
	}
	for name, values := range c.echoed(request.GetEchoMetadata()) {
		response.Metadata[name] = strings.ToValidUTF8(strings.Join(values, ", "), "\uFFFD")
	}
	if request.GetDescribe() {
		response.Details = c.details()
	}
	return response
}

func (c *call) details() *echo.EchoDetails {
	details := &echo.EchoDetails{ServerPid: uint32(os.Getpid())}
	if from, ok := peer.FromContext(c.ctx); ok {
		details.Peer = from.Addr.String()
	}
	if deadline, ok := c.ctx.Deadline(); ok {
		details.DeadlineMs = float64(deadline.UnixNano()) / 1e6
	}
	return details
}

// failure is the status that the request asks for; nil when it asks for none.
func (c *call) failure(request *echo.EchoRequest) error {
	code := request.GetStatusCode()
	if code == 0 {
		return nil
	}
	failure := status.New(codes.Code(code), request.GetStatusDetails())
	if request.GetDescribe() {
		if described, err := failure.WithDetails(c.details()); err == nil {
			failure = described
		}
	}
	return failure.Err()
}

// responses is how many the request asks for: by default a call that hangs or fails does only that.
func responses(request *echo.EchoRequest) uint32 {
	if request.GetHasResponseCount() != nil {
		return request.GetResponseCount()
	}
	if request.GetHang() || request.GetStatusCode() != 0 {
		return 0
	}
	return 1
}

func (s *echoServer) Unary(ctx context.Context, request *echo.EchoRequest) (*echo.EchoResponse, error) {
	c := s.begin(ctx,
		func(md metadata.MD) error { return grpc.SendHeader(ctx, md) },
		func(md metadata.MD) { _ = grpc.SetTrailer(ctx, md) })
	defer c.over()
	c.receive(request)
	if request.GetHang() {
		return nil, c.hang()
	}
	if err := c.wait(request); err != nil {
		return nil, err
	}
	if failure := c.failure(request); failure != nil {
		return nil, failure
	}
	return c.respond(request), nil
}

func (s *echoServer) ServerStream(request *echo.EchoRequest, stream echo.Echo_ServerStreamServer) error {
	c := s.beginStream(stream)
	defer c.over()
	c.receive(request)
	if err := c.wait(request); err != nil {
		return err
	}
	for left := responses(request); left > 0; left-- {
		if err := stream.Send(c.respond(request)); err != nil {
			return err
		}
	}
	if request.GetHang() {
		return c.hang()
	}
	return c.failure(request)
}

// ending takes the first of the endings that the requests of one call bring about.
type ending chan error

func (e ending) end(err error) {
	select {
	case e <- err:
	default:
	}
}

// until waits for the ending, or for the client to make one.
func (e ending) until(c *call) error {
	select {
	case err := <-e:
		return err
	case <-c.ctx.Done():
		return c.cancelled()
	}
}

func (s *echoServer) ClientStream(stream echo.Echo_ClientStreamServer) error {
	c := s.beginStream(stream)
	defer c.over()
	ends := make(ending, 1)
	var answer *echo.EchoResponse
	go func() {
		var first *echo.EchoRequest
		hangs := false
		for {
			request, err := stream.Recv()
			if err == io.EOF {
				break
			}
			if err != nil {
				ends.end(err)
				return
			}
			c.receive(request)
			if first == nil {
				first = request
			}
			hangs = hangs || request.GetHang()
			if failure := c.failure(request); failure != nil && !hangs {
				go func() {
					if c.wait(request) == nil {
						ends.end(failure)
					}
				}()
			}
		}
		if hangs || first.GetStatusCode() != 0 {
			return
		}
		if first == nil {
			first = &echo.EchoRequest{}
		}
		if c.wait(first) == nil {
			answer = c.respond(first)
			ends.end(nil)
		}
	}()
	if err := ends.until(c); err != nil {
		return err
	}
	c.over()
	return stream.SendAndClose(answer)
}

func (s *echoServer) Bidi(stream echo.Echo_BidiServer) error {
	c := s.beginStream(stream)
	defer c.over()
	ends := make(ending, 1)
	// One message at a time, and none after the ending.
	var sending sync.Mutex
	hasEnded := false
	var unanswered sync.WaitGroup
	var hangs atomic.Bool

	answer := func(request *echo.EchoRequest) {
		sending.Lock()
		defer sending.Unlock()
		for left := responses(request); left > 0 && !hasEnded; left-- {
			if err := stream.Send(c.respond(request)); err != nil {
				ends.end(err)
				return
			}
		}
		if failure := c.failure(request); failure != nil && !hangs.Load() {
			hasEnded = true
			ends.end(failure)
		}
	}
	go func() {
		for {
			request, err := stream.Recv()
			if err == io.EOF {
				break
			}
			if err != nil {
				ends.end(err)
				return
			}
			c.receive(request)
			if request.GetHang() {
				hangs.Store(true)
			}
			unanswered.Add(1)
			if s.delayOf(request) == 0 {
				// Nothing more is read while the client does not read.
				answer(request)
				unanswered.Done()
				continue
			}
			go func() {
				if c.wait(request) == nil {
					answer(request)
				}
				unanswered.Done()
			}()
		}
		unanswered.Wait()
		if !hangs.Load() {
			ends.end(nil)
		}
	}()
	err := ends.until(c)
	sending.Lock()
	hasEnded = true
	sending.Unlock()
	return err
}
