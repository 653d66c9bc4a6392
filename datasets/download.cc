#include "datasets/download.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <memory>

#include "lamina/check.h"

namespace lamina {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMostConnections = 50;
constexpr int kMostFruitless = 3;  // consecutive connections without data
constexpr int kMostRestarts = 3;   // restarts from the first byte
constexpr std::int64_t kLargest = std::int64_t{1} << 30;

struct Transfer {
  CURL* curl = nullptr;
  int file = -1;
  std::int64_t done = 0;   // bytes on the disk
  std::int64_t total = 0;  // bytes of the whole file; 0 if unknown
  bool answered = false;   // whether this connection has received bytes of the body
  int write_error = 0;
  bool too_large = false;
  std::exception_ptr thrown;  // by progress
  Clock::time_point last_report;
  const std::function<void(std::int64_t, std::int64_t)>* progress = nullptr;

  void report(bool now) {
    if (!*progress) return;
    const auto time = Clock::now();
    if (!now && time - last_report < std::chrono::milliseconds(100)) return;
    last_report = time;
    (*progress)(done, total);
  }
};

std::size_t take_body(char* bytes, std::size_t one, std::size_t size, void* self) {
  Transfer& transfer = *static_cast<Transfer*>(self);
  const std::size_t count = one * size;
  if (!transfer.answered) {
    long status = 0;
    curl_off_t length = -1;
    curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(transfer.curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (status != 206) {
      transfer.done = 0;  // the server sends the whole file, not the rest
      if (ftruncate(transfer.file, 0) != 0) transfer.write_error = errno;
    }
    transfer.total = length < 0 ? 0 : transfer.done + length;
    transfer.answered = true;
  }
  if (transfer.done + static_cast<std::int64_t>(count) > kLargest) {
    transfer.too_large = true;
    return 0;
  }
  for (std::size_t put = 0; put < count && transfer.write_error == 0;) {
    const ssize_t wrote = pwrite(transfer.file, bytes + put, count - put, transfer.done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      transfer.write_error = wrote < 0 ? errno : ENOSPC;
      break;
    }
    put += static_cast<std::size_t>(wrote);
    transfer.done += wrote;
  }
  if (transfer.write_error != 0) return 0;
  try {
    transfer.report(false);
  } catch (...) {
    transfer.thrown = std::current_exception();
    return 0;
  }
  return count;
}

bool worth_another_try(CURLcode code, long status) {
  switch (code) {
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return true;
    case CURLE_HTTP_RETURNED_ERROR:
      return status >= 500 || status == 429;
    default:
      return false;
  }
}

// Errors of a network that is unreachable. They are taken to be temporary if an earlier connection has brought data.
bool network_away(CURLcode code) {
  return code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT || code == CURLE_OPERATION_TIMEDOUT ||
         code == CURLE_SSL_CONNECT_ERROR;
}

struct Descriptor {
  explicit Descriptor(const std::filesystem::path& path)
      : number(open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644)) {}
  ~Descriptor() {
    if (number >= 0) close(number);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number;
};

}  // namespace

void download(std::string_view where, const std::string& url, const std::filesystem::path& path,
              const std::function<void(std::int64_t, std::int64_t)>& progress, int stall_seconds) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  if (ready != CURLE_OK || !curl) fail_file(where, url, "expected libcurl to start, it did not");

  const Descriptor file(path);
  if (file.number < 0) fail_file(where, path, "expected a file to write to, found: ", std::strerror(errno));
  Transfer transfer;
  transfer.curl = curl.get();
  transfer.file = file.number;
  transfer.progress = &progress;
  transfer.done = std::max<std::int64_t>(lseek(file.number, 0, SEEK_END), 0);

  char error[CURL_ERROR_SIZE] = "";
  CURL* c = curl.get();
  curl_easy_setopt(c, CURLOPT_URL, url.c_str());
  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(c, CURLOPT_MAXREDIRS, 5L);
  curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, 10L);
  curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1000L);
  curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, static_cast<long>(std::max(stall_seconds, 1)));
  curl_easy_setopt(c, CURLOPT_USERAGENT, "lamina");
  curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error);
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(c, CURLOPT_WRITEDATA, &transfer);

  bool brought_something = false;
  int fruitless = 0, restarts = 0;
  for (int connection = 1;; ++connection) {
    const std::int64_t before = transfer.done;
    transfer.answered = false;
    error[0] = '\0';
    curl_easy_setopt(c, CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(before));
    const CURLcode code = curl_easy_perform(c);
    long status = 0;
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);

    if (code == CURLE_OK) {
      if (transfer.answered || before == 0) {
        transfer.report(true);
        return;
      }
      // The server answered a request for the rest without a body; see no_range below.
    }
    if (transfer.thrown) std::rethrow_exception(transfer.thrown);
    if (transfer.write_error != 0)
      fail_file(where, path, "expected to write the download, found: ", std::strerror(transfer.write_error));
    if (transfer.too_large) fail_file(where, url, "expected less than 1 GiB, found more");

    // Start again if the server does not support ranges, refuses this one, or sends another one (libcurl compares
    // them).
    const bool no_range = code == CURLE_OK || code == CURLE_RANGE_ERROR || status == 416;
    if (no_range && before > 0 && restarts < kMostRestarts) {
      if (ftruncate(file.number, 0) != 0) fail_file(where, path, "expected to empty it, found: ", std::strerror(errno));
      transfer.done = 0;
      ++restarts;
      continue;
    }
    if (!worth_another_try(code, status) && !(network_away(code) && brought_something)) {
      fail_file(where, url, "expected a download, found: ", error[0] ? error : curl_easy_strerror(code));
    }
    const bool fruitful = transfer.answered;
    brought_something = brought_something || fruitful;
    fruitless = fruitful ? 0 : fruitless + 1;
    if (fruitless >= kMostFruitless || connection >= kMostConnections)
      fail_file(where, url, "expected a download, gave up after ", connection, " connections, ", transfer.done,
                " bytes: ", error[0] ? error : curl_easy_strerror(code));
    ::poll(nullptr, 0, fruitful ? 100 : 500 * fruitless);  // milliseconds
  }
}

}  // namespace lamina
