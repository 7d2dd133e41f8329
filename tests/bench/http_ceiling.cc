// What libmicrohttpd can do by itself: as the simulator sets it up, but 200 and the same headers
// and 512 bytes to whatever is asked. sim_bench.py shows it beside the simulator.
//
// usage: http_ceiling        prints PORT=N once it listens, ends with its standard input

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>

#include <microhttpd.h>

namespace {

constexpr std::size_t kConnectionMemory = 64 * 1024;
constexpr unsigned kThreads = 2;
constexpr std::array kHeaders{"ETag",
                              "Last-Modified",
                              "x-oss-object-type",
                              "x-oss-storage-class",
                              "x-oss-hash-crc64ecma",
                              "Content-MD5",
                              "Accept-Ranges",
                              "Content-Type",
                              "Server",
                              "Date",
                              "x-oss-request-id",
                              "x-oss-server-time"};

/// The first call for a request comes before its body, the second answers.
struct Exchange {
  bool begun = false;
};

MHD_Result count(void* headers, MHD_ValueKind, const char*, const char*) {
  ++*static_cast<int*>(headers);
  return MHD_YES;
}

MHD_Result answer(void* body, MHD_Connection* connection, const char*, const char*, const char*,
                  const char*, std::size_t*, void** state) {
  auto* exchange = static_cast<Exchange*>(*state);
  if (!exchange->begun) {
    exchange->begun = true;
    int headers = 0;
    MHD_get_connection_values(connection, MHD_HEADER_KIND, &count, &headers);
    return MHD_YES;
  }
  auto* text = static_cast<std::string*>(body);
  MHD_Response* response =
      MHD_create_response_from_buffer(text->size(), text->data(), MHD_RESPMEM_PERSISTENT);
  for (const char* name : kHeaders)
    MHD_add_response_header(response, name, "\"0123456789ABCDEF01234567\"");
  const MHD_Result queued = MHD_queue_response(connection, 200, response);
  MHD_destroy_response(response);
  return queued;
}

void* begin(void*, const char*, MHD_Connection*) { return new Exchange; }
void end(void*, MHD_Connection*, void** state, MHD_RequestTerminationCode) {
  delete static_cast<Exchange*>(*state);
  *state = nullptr;
}

}  // namespace

int main() {
  std::string body(512, 'x');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  MHD_Daemon* daemon = MHD_start_daemon(
      MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_SUPPRESS_DATE_NO_CLOCK, 0,
      nullptr, nullptr, &answer, &body, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_URI_LOG_CALLBACK,
      &begin, nullptr, MHD_OPTION_NOTIFY_COMPLETED, &end, nullptr,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionMemory, MHD_OPTION_THREAD_POOL_SIZE, kThreads,
      MHD_OPTION_END);
  if (daemon == nullptr) return 1;
  std::printf("PORT=%u\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
  std::fflush(stdout);
  char end_of_input = 0;
  while (read(STDIN_FILENO, &end_of_input, 1) > 0) continue;
  MHD_stop_daemon(daemon);
}
