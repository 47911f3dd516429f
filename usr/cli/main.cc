/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hawseradm: the administrator's command. */
#include "cli/modes.h"
#include "cli/secret_input.h"

#include <cstdlib>
#include <exception>
#include <iostream>
#include <new>

using namespace hawser;

int main(int argc, char **argv)
{
	std::string program = argc > 0 ? argv[0] : "hawseradm";
	program.erase(0, program.find_last_of('/') + 1);
	try {
		const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
		cli::hide_secrets(argc, argv, arguments);
		config::Store store;
		cli::KernelSessions sessions;
		cli::Context context(program, std::cout, std::cerr, store, sessions,
				     cli::connect_service);
		const int status = cli::run(context, arguments);
		std::cout.flush();
		if (!std::cout) {
			std::cerr << program << ": standard output could not be written\n";
			return status ? status : static_cast<int>(Code::failed);
		}
		return status;
	} catch (const std::bad_alloc &) {
		std::cerr << program << ": out of memory\n";
		return static_cast<int>(Code::no_memory);
	} catch (const std::exception &error) {
		std::cerr << program << ": internal error: " << error.what() << '\n';
		return static_cast<int>(Code::internal);
	}
}
