// A small HTTP server on the loopback with the faults that a download must live through.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace lamina::testing {

/// How one connection is answered. The last reply of a script serves all later connections.
struct Reply {
  int status = 200;
  bool ranges = true;        ///< a request for a range gets one
  long drop_after = -1;      ///< bytes of the body after which the connection is closed
  bool silent = false;       ///< nothing is ever said
  bool wrong_range = false;  ///< the answer begins a byte too late
};

class HttpServer {
 public:
  HttpServer(std::string body, std::vector<Reply> script) : body_(std::move(body)), script_(std::move(script)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 || listen(listener_, 16) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0)
      throw std::runtime_error("no local server");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~HttpServer() {
    stop_ = true;
    thread_.join();
    close(listener_);
  }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/cifar-10-binary.tar.gz"; }
  /// First byte that each request asked for.
  std::vector<long> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void serve() {
    while (!stop_) {
      pollfd ready{listener_, POLLIN, 0};
      if (poll(&ready, 1, 20) <= 0) continue;
      const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) continue;
      answer(connection);
      close(connection);
    }
  }

  void answer(int connection) {
    std::string request;
    char bytes[4096];
    while (request.find("\r\n\r\n") == std::string::npos) {
      const ssize_t got = recv(connection, bytes, sizeof bytes, 0);
      if (got <= 0) return;
      request.append(bytes, static_cast<std::size_t>(got));
    }
    const std::size_t range = request.find("Range: bytes=");
    const long from = range == std::string::npos ? 0 : std::strtol(request.c_str() + range + 13, nullptr, 10);
    std::size_t number;
    {
      const std::lock_guard lock(mutex_);
      number = requests_.size();
      requests_.push_back(from);
    }
    const Reply& reply = script_[std::min(number, script_.size() - 1)];
    if (reply.silent) {
      while (!stop_) {
        pollfd gone{connection, POLLIN, 0};
        if (poll(&gone, 1, 20) > 0) return;
      }
      return;
    }
    const long size = static_cast<long>(body_.size());
    std::string head, body = body_;
    if (reply.status != 200) {
      head = "HTTP/1.1 " + std::to_string(reply.status) + " No\r\n";
      body = "an error page";
    } else if (from > 0 && reply.ranges && from >= size) {
      head = "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */" + std::to_string(size) + "\r\n";
      body.clear();
    } else if (from > 0 && reply.ranges) {
      const long first = from + (reply.wrong_range ? 1 : 0);
      head = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes " + std::to_string(first) + "-" +
             std::to_string(size - 1) + "/" + std::to_string(size) + "\r\n";
      body = body_.substr(static_cast<std::size_t>(first));
    } else {
      head = "HTTP/1.1 200 OK\r\n";
    }
    head += "Content-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n";
    if (reply.drop_after >= 0)
      body.resize(std::min<std::size_t>(body.size(), static_cast<std::size_t>(reply.drop_after)));
    send_all(connection, head + body);
    shutdown(connection, SHUT_WR);
  }

  static void send_all(int connection, const std::string& text) {
    for (std::size_t sent = 0; sent < text.size();) {
      const ssize_t n = send(connection, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return;
      sent += static_cast<std::size_t>(n);
    }
  }

  const std::string body_;
  const std::vector<Reply> script_;
  int listener_ = -1, port_ = 0;
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;
  std::vector<long> requests_;
  std::thread thread_;
};

}  // namespace lamina::testing
