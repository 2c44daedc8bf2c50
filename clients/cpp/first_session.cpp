// A first session: makes a session of a sample, runs a command in it with this program's stdin, has the outcome
// verified, and closes the session.
//
//     first-session SAMPLE_ID COMMAND_LINE
//
// Exit status: 0 PASSED, 1 FAILED or TIMED_OUT, 2 wrong usage, 3 everything else.

#include <poll.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include <grpcpp/grpcpp.h>

#include "codeset/v1/session_service.grpc.pb.h"
#include "codeset/v1/verification_service.grpc.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

using namespace codeset::v1;
using namespace std::chrono_literals;

// docs:errors
// A call that failed: the reason, by which programs decide, and the sentence, which people read.
struct CallError : std::runtime_error {
  static std::string Reason(const grpc::Status& status) {
    google::rpc::Status details;
    details.ParseFromString(status.error_details());
    for (const auto& detail : details.details()) {
      google::rpc::ErrorInfo info;
      if (detail.UnpackTo(&info) && info.domain() == "codeset") return info.reason();
    }
    // Not the service's own: there is no server, or a deadline passed.
    return "code " + std::to_string(status.error_code());
  }

  explicit CallError(const grpc::Status& status)
      : runtime_error(Reason(status) + ": " + status.error_message()), reason(Reason(status)) {}

  std::string reason;
};

void Check(const grpc::Status& status) {
  if (!status.ok()) throw CallError(status);
}
// docs:end

std::string Variable(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

// docs:connect
std::shared_ptr<grpc::Channel> Connect() {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // A server that vanished without a word is noticed within 30 s.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  return grpc::CreateCustomChannel(Variable("CODESET_ADDRESS", "127.0.0.1:50051"),
                                   grpc::InsecureChannelCredentials(), arguments);
}

// The context of one call: the key, and how long it may take.
struct Call : grpc::ClientContext {
  explicit Call(std::chrono::seconds timeout = {}) {
    AddMetadata("authorization", "Bearer " + Variable("CODESET_API_KEY", ""));
    if (timeout > 0s) set_deadline(std::chrono::system_clock::now() + timeout);
  }
};
// docs:end

// docs:session
// A session, closed when it goes out of scope.
class OpenSession {
 public:
  OpenSession(SessionService::Stub& sessions, const std::string& sample_id) : sessions_(sessions) {
    CreateSessionRequest request;
    request.mutable_sample()->set_sample_id(sample_id);
    // Should this program be killed, the session ends by itself.
    request.mutable_ttl()->set_seconds(600);
    CreateSessionResponse response;
    Call call(120s);
    Check(sessions_.CreateSession(&call, request, &response));
    session_ = response.session();
  }

  ~OpenSession() {
    CloseSessionRequest request;
    request.set_session_id(session_.session_id());
    CloseSessionResponse response;
    Call call(30s);
    const grpc::Status status = sessions_.CloseSession(&call, request, &response);
    if (status.ok())
      std::cout << "session " << session_.session_id() << " CLOSED" << std::endl;
    else
      std::cerr << "the session is not closed: " << status.error_message() << std::endl;
  }

  OpenSession(const OpenSession&) = delete;
  OpenSession& operator=(const OpenSession&) = delete;

  const Session& operator*() const { return session_; }
  const Session* operator->() const { return &session_; }

 private:
  SessionService::Stub& sessions_;
  Session session_;
};
// docs:end

// docs:exec
using ExecStream = grpc::ClientReaderWriter<ExecRequest, ExecResponse>;

// Sends this program's stdin on a thread of its own until it ends, the stream does, or this goes out of scope.
class InputSender {
 public:
  explicit InputSender(ExecStream& stream) {
    if (pipe(stop_.data()) != 0) throw std::runtime_error("there is no pipe to be had");
    thread_ = std::thread([this, &stream] { Run(stream); });
  }

  ~InputSender() {
    close(stop_[1]);
    thread_.join();
    close(stop_[0]);
  }

  InputSender(const InputSender&) = delete;
  InputSender& operator=(const InputSender&) = delete;

 private:
  void Run(ExecStream& stream) const {
    std::array<char, 32 * 1024> buffer;
    std::array<pollfd, 2> either{{{STDIN_FILENO, POLLIN, 0}, {stop_[0], POLLIN, 0}}};
    while (poll(either.data(), either.size(), -1) > 0 && either[1].revents == 0) {
      const ssize_t n = read(STDIN_FILENO, buffer.data(), buffer.size());
      ExecRequest request;
      if (n > 0)
        request.mutable_stdin()->set_data(buffer.data(), n);
      else
        request.mutable_end_of_input();
      if (!stream.Write(request) || n <= 0) return;
    }
  }

  std::array<int, 2> stop_{};
  std::thread thread_;
};

// Runs a shell line, with what this program reads going in while what the command writes comes out.
ExecResult Execute(SessionService::Stub& sessions, const std::string& session_id, const std::string& line) {
  Call call;
  const std::unique_ptr<ExecStream> stream = sessions.Exec(&call);
  ExecRequest request;
  request.mutable_start()->set_session_id(session_id);
  request.mutable_start()->mutable_spec()->set_shell_line(line);
  request.mutable_start()->mutable_spec()->set_stdin(true);
  stream->Write(request);

  ExecResult result;
  {
    const InputSender sender(*stream);
    ExecResponse response;
    while (stream->Read(&response)) {
      if (response.has_output()) {
        const bool wrong = response.output().stream() == OUTPUT_STREAM_STDERR;
        (wrong ? std::cerr : std::cout) << response.output().data() << std::flush;
      } else if (response.has_gap()) {
        std::cerr << "(" << response.gap().to_offset() - response.gap().from_offset() << " bytes are lost)\n";
      } else if (response.has_exited()) {
        result = response.exited().result();
      }
    }
  }
  Check(stream->Finish());
  return result;
}
// docs:end

// An enumeration's value without the prefix that names the enumeration.
std::string Word(const std::string& name, const std::string& prefix) {
  return name.rfind(prefix, 0) == 0 ? name.substr(prefix.size()) : name;
}

// docs:verify
// Has the session judged and follows that to its end.
VerificationState Verify(VerificationService::Stub& verifications, const std::string& session_id) {
  StartVerificationRequest request;
  request.set_session_id(session_id);
  StartVerificationResponse started;
  Call starting(60s);
  Check(verifications.StartVerification(&starting, request, &started));

  WatchVerificationRequest watch;
  watch.set_verification_id(started.verification().verification_id());
  Call watching;
  const auto events = verifications.WatchVerification(&watching, watch);
  Verification last;
  WatchVerificationResponse event;
  while (events->Read(&event)) {
    if (event.has_log()) std::cerr << event.log().data();
    if (event.has_verification()) last = event.verification();
  }
  Check(events->Finish());

  const VerificationResult& result = last.result();
  for (const TestResult& test : result.tests())
    std::cout << "test " << Word(TestStatus_Name(test.status()), "TEST_STATUS_") << " " << test.name() << "\n";
  std::cout << "verdict " << Word(VerificationState_Name(last.state()), "VERIFICATION_STATE_")
            << ": fail_to_pass " << result.fail_to_pass().passed() << "/" << result.fail_to_pass().total()
            << ", pass_to_pass " << result.pass_to_pass().passed() << "/" << result.pass_to_pass().total()
            << std::endl;
  return last.state();
}
// docs:end

VerificationState FirstSession(const std::string& sample_id, const std::string& line) {
  const auto channel = Connect();
  const auto sessions = SessionService::NewStub(channel);
  const auto verifications = VerificationService::NewStub(channel);
  const OpenSession session(*sessions, sample_id);
  std::cout << "session " << session->session_id() << " "
            << Word(SessionState_Name(session->state()), "SESSION_STATE_") << std::endl;
  if (session->state() != SESSION_STATE_READY) throw std::runtime_error(session->error());

  const ExecResult result = Execute(*sessions, session->session_id(), line);
  std::cout << "exit " << Word(ExitReason_Name(result.reason()), "EXIT_REASON_") << " ";
  if (result.has_exit_code())
    std::cout << result.exit_code() << std::endl;
  else
    std::cout << (result.has_signal() ? result.signal() : result.message()) << std::endl;
  return Verify(*verifications, session->session_id());
}

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: first-session SAMPLE_ID COMMAND_LINE" << std::endl;
    return 2;
  }
  try {
    const VerificationState verdict = FirstSession(argv[1], argv[2]);
    if (verdict == VERIFICATION_STATE_PASSED) return 0;
    return verdict == VERIFICATION_STATE_FAILED || verdict == VERIFICATION_STATE_TIMED_OUT ? 1 : 3;
  } catch (const std::exception& error) {
    std::cerr << "error " << error.what() << std::endl;
    return 3;
  }
}
