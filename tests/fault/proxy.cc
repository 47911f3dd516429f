/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fault_proxy: between an initiator and a target, a TCP proxy that knows where iSCSI's PDUs begin
 * and does to some of them what networks and targets do. See --help, and Documentation/testing.rst.
 *
 * Two threads a connection, one a direction: each reads a PDU whole, asks the schedule, and writes.
 */
#include "faults.h"

#include "base/fd.h"

#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <getopt.h>
#include <memory>
#include <mutex>
#include <netinet/tcp.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <thread>

using namespace hawser;
using namespace hawser::fault;
using namespace std::chrono_literals;

namespace
{

constexpr auto delay_time = 300ms;  // delay; also how long a PDU waits for one to overtake it
constexpr auto stall_time = 5000ms; // nothing is read in this direction for so long

struct Options {
	sockaddr_in listen{}, to{};
	Schedule::Settings schedule;
};

std::mutex schedule_lock; // the schedule and standard output
std::atomic<std::uint64_t> connections;

struct Link {
	std::uint64_t number = ++connections;
	Fd initiator, target;
	std::mutex lock; // phase
	Phase phase;

	int from(Direction d) const
	{
		return d == Direction::to_target ? initiator.get() : target.get();
	}
	int to(Direction d) const
	{
		return d == Direction::to_target ? target.get() : initiator.get();
	}
	/* Both ends: RST when @hard, FIN otherwise. Either thread's reads and writes end. */
	void end(bool hard) const
	{
		for (const int fd : {initiator.get(), target.get()}) {
			const linger abort{1, 0};
			if (hard)
				::setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
			::shutdown(fd, SHUT_RDWR);
		}
	}
};

bool read_all(int fd, std::uint8_t *to, std::size_t length)
{
	while (length != 0) {
		const ssize_t got = ::recv(fd, to, length, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		to += got;
		length -= static_cast<std::size_t>(got);
	}
	return true;
}

bool write_all(int fd, std::span<const std::uint8_t> bytes)
{
	while (!bytes.empty()) {
		const ssize_t put = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		bytes = bytes.subspan(static_cast<std::size_t>(put));
	}
	return true;
}

/* One direction of a connection. */
class Way
{
public:
	Way(std::shared_ptr<Link> link, Direction direction, Schedule &schedule)
	    : link_(std::move(link)), direction_(direction), schedule_(schedule)
	{
	}

	void run()
	{
		while (one()) {
		}
		/* What one side has closed is closed to the other, after all that was sent. */
		if (!held_.empty())
			write_all(link_->to(direction_), held_);
		::shutdown(link_->to(direction_), SHUT_WR);
	}

private:
	bool one()
	{
		if (!held_.empty() && !comes(delay_time) && !let_go())
			return false;
		pdu_.resize(header_length);
		if (!read_all(link_->from(direction_), pdu_.data(), header_length))
			return false;
		bool full_feature = false;
		{
			const std::lock_guard guard(link_->lock);
			full_feature = link_->phase.full_feature();
			shape_ = shape_of(pdu_, link_->phase.header_digest(),
					  link_->phase.data_digest());
		}
		pdu_.resize(shape_.total());
		if (!read_all(link_->from(direction_), pdu_.data() + header_length,
			      pdu_.size() - header_length))
			return false;
		count_++;
		if (!full_feature) {
			const std::lock_guard guard(link_->lock);
			link_->phase.pass(pdu_, shape_, direction_);
			return write_all(link_->to(direction_), pdu_);
		}
		const auto fault = due();
		return fault ? happens(*fault) : forward();
	}

	std::optional<Fault> due()
	{
		const std::lock_guard guard(schedule_lock);
		const std::uint8_t opcode = pdu_[0] & 0x3f;
		auto fault = schedule_.next(direction_, opcode, shape_);
		if (!fault)
			return fault;
		std::size_t bit = 0;
		const bool flips = fault->row->kind <= Kind::flip_data_digest;
		if (flips)
			bit = flip(*fault, shape_, pdu_);
		std::printf("fault %llu: %s %s, connection %llu, PDU %llu, opcode 0x%02x, "
			    "ITT 0x%02x%02x%02x%02x",
			    static_cast<unsigned long long>(fault->number), fault->row->name.data(),
			    fault::to_string(direction_).data(),
			    static_cast<unsigned long long>(link_->number),
			    static_cast<unsigned long long>(count_), opcode, pdu_[16], pdu_[17],
			    pdu_[18], pdu_[19]);
		if (flips)
			std::printf(", bit %zu", bit);
		std::printf("\n");
		return fault;
	}

	bool happens(const Fault &fault)
	{
		switch (fault.row->kind) {
		case Kind::flip_header:
		case Kind::flip_header_digest:
		case Kind::flip_data:
		case Kind::flip_data_digest:
			return forward();
		case Kind::drop:
			return true;
		case Kind::duplicate: {
			const Bytes again = pdu_;
			return forward() && write_all(link_->to(direction_), again);
		}
		case Kind::delay:
			std::this_thread::sleep_for(delay_time);
			return forward();
		case Kind::reorder:
			if (!let_go())
				return false;
			held_.swap(pdu_);
			return true;
		case Kind::truncate:
			pdu_.resize(1 + fault.random % (pdu_.size() - 1));
			forward();
			link_->end(false);
			return false;
		case Kind::stall:
			std::this_thread::sleep_for(stall_time);
			return forward();
		case Kind::half_close:
			forward();
			return false;
		case Kind::reset:
			link_->end(true);
			return false;
		}
		return false;
	}

	/* The PDU, and then the one that it has overtaken. */
	bool forward() { return write_all(link_->to(direction_), pdu_) && let_go(); }
	bool let_go()
	{
		const bool written = write_all(link_->to(direction_), held_);
		held_.clear();
		return written;
	}
	bool comes(std::chrono::milliseconds within) const
	{
		pollfd wait{link_->from(direction_), POLLIN, 0};
		return ::poll(&wait, 1, static_cast<int>(within.count())) != 0;
	}

	std::shared_ptr<Link> link_;
	Direction direction_;
	Schedule &schedule_;
	Bytes pdu_, held_;
	Shape shape_;
	std::uint64_t count_ = 0;
};

void serve(std::shared_ptr<Link> link, Schedule &schedule)
{
	std::thread up([link, &schedule] { Way(link, Direction::to_target, schedule).run(); });
	Way(link, Direction::to_initiator, schedule).run();
	up.join();
}

[[noreturn]] void fail(const char *what)
{
	std::fprintf(stderr, "fault_proxy: %s: %s\n", what, std::strerror(errno));
	std::exit(1);
}

[[noreturn]] void run(const Options &options)
{
	Schedule schedule(options.schedule);
	const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	const int on = 1;
	::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (::bind(listener.get(), reinterpret_cast<const sockaddr *>(&options.listen),
		   sizeof(options.listen)) != 0 ||
	    ::listen(listener.get(), 64) != 0)
		fail("listen");
	std::printf("listening\n");
	for (;;) {
		auto link = std::make_shared<Link>();
		link->initiator.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
		if (!link->initiator)
			fail("accept");
		link->target.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
		/* A target that is not there is no fault of the proxy's: the initiator sees it end.
		 */
		if (::connect(link->target.get(), reinterpret_cast<const sockaddr *>(&options.to),
			      sizeof(options.to)) != 0)
			continue;
		for (const int fd : {link->initiator.get(), link->target.get()})
			::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		std::thread(serve, std::move(link), std::ref(schedule)).detach();
	}
}

void usage(std::FILE *out)
{
	std::fputs("usage: fault_proxy [options] ADDRESS:PORT TARGET:PORT\n"
		   "  -s, --seed N     what all choices follow from; 1\n"
		   "  -k, --kinds A,B  faults of these kinds in turn; all\n"
		   "  -e, --every N    PDUs between two faults on the average; 100\n"
		   "  -l, --limit N    faults, and then none; 0: no limit\n"
		   "  -o, --only N,N   only to PDUs of these opcodes\n"
		   "  -x, --except N,N to PDUs of other opcodes than these\n"
		   "  -d, --direction to-target|to-initiator\n"
		   "                   only to PDUs that go there; both in turn\n"
		   "kinds:",
		   out);
	for (const auto &row : kind_rows())
		std::fprintf(out, " %s", row.name.data());
	std::fputs("\n", out);
}

[[noreturn]] void refuse(const char *what, const char *word)
{
	std::fprintf(stderr, "fault_proxy: %s: \"%s\"\n", what, word);
	usage(stderr);
	std::exit(2);
}

std::uint64_t number(const char *word, std::uint64_t least)
{
	char *end = nullptr;
	errno = 0;
	const auto value = std::strtoull(word, &end, 0);
	if (errno != 0 || end == word || *end != '\0' || *word == '-' || value < least)
		refuse("not a number, or too small", word);
	return value;
}

sockaddr_in address(const std::string &word)
{
	sockaddr_in at{};
	at.sin_family = AF_INET;
	const auto colon = word.rfind(':');
	if (colon == std::string::npos ||
	    ::inet_pton(AF_INET, word.substr(0, colon).c_str(), &at.sin_addr) != 1)
		refuse("not an IPv4 address and a port", word.c_str());
	const auto port = number(word.c_str() + colon + 1, 1);
	if (port > 65535)
		refuse("not a port", word.c_str());
	at.sin_port = htons(static_cast<std::uint16_t>(port));
	return at;
}

/* @words: parted by commas. */
template <class Take> void each_of(const std::string &words, Take take)
{
	std::size_t at = 0;
	while (at <= words.size()) {
		const auto end = std::min(words.find(',', at), words.size());
		take(words.substr(at, end - at));
		at = end + 1;
	}
}

std::vector<const KindRow *> kinds_of(const std::string &words)
{
	std::vector<const KindRow *> rows;
	each_of(words, [&](const std::string &word) {
		const auto *row = find_kind(word);
		if (row == nullptr)
			refuse("no such kind", word.c_str());
		rows.push_back(row);
	});
	return rows;
}

std::uint64_t opcodes_of(const std::string &words)
{
	std::uint64_t opcodes = 0;
	each_of(words, [&](const std::string &word) {
		const auto opcode = number(word.c_str(), 0);
		if (opcode > 0x3f)
			refuse("no opcode", word.c_str());
		opcodes |= 1ull << opcode;
	});
	return opcodes;
}

Direction direction_of(const char *word)
{
	for (const auto direction : {Direction::to_target, Direction::to_initiator})
		if (fault::to_string(direction) == word)
			return direction;
	refuse("no direction", word);
}

} // namespace

int main(int argc, char **argv)
{
	const option options[] = {{"seed", required_argument, nullptr, 's'},
				  {"kinds", required_argument, nullptr, 'k'},
				  {"every", required_argument, nullptr, 'e'},
				  {"limit", required_argument, nullptr, 'l'},
				  {"only", required_argument, nullptr, 'o'},
				  {"except", required_argument, nullptr, 'x'},
				  {"direction", required_argument, nullptr, 'd'},
				  {"help", no_argument, nullptr, 'h'},
				  {}};
	Options chosen;
	for (int letter = 0;
	     (letter = ::getopt_long(argc, argv, "s:k:e:l:o:x:d:h", options, nullptr)) != -1;) {
		switch (letter) {
		case 's':
			chosen.schedule.seed = number(optarg, 0);
			break;
		case 'k':
			chosen.schedule.kinds = kinds_of(optarg);
			break;
		case 'e':
			chosen.schedule.every = number(optarg, 1);
			break;
		case 'l':
			chosen.schedule.limit = number(optarg, 0);
			break;
		case 'o':
			chosen.schedule.opcodes = opcodes_of(optarg);
			break;
		case 'x':
			chosen.schedule.opcodes = ~opcodes_of(optarg);
			break;
		case 'd':
			chosen.schedule.direction = direction_of(optarg);
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (argc - optind != 2) {
		usage(stderr);
		return 2;
	}
	chosen.listen = address(argv[optind]);
	chosen.to = address(argv[optind + 1]);
	if (chosen.schedule.kinds.empty())
		for (const auto &row : kind_rows())
			chosen.schedule.kinds.push_back(&row);
	std::setvbuf(stdout, nullptr, _IOLBF, 0);
	run(chosen);
}
