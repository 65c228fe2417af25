import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import org.apache.velocity.VelocityContext;
import org.apache.velocity.app.VelocityEngine;

/**
 * Renders a template with Apache Velocity as Genesys Cloud does. Each line on standard input is one
 * request: the template, then name and value of each input, all in Base64 with blanks between. A
 * name that begins with "#" has a number or a boolean. Each line on standard output is the rendered
 * text, in Base64.
 */
public class Render {
    /** The tool "$esc" of Genesys Cloud, as far as templates of ours use it. */
    public static class Escape {
        public String jsonString(Object value) {
            if (value == null) {
                return null;
            }
            StringBuilder out = new StringBuilder();
            for (char c : value.toString().toCharArray()) {
                if (c == '"' || c == '\\') {
                    out.append('\\').append(c);
                } else if (c < 0x20) {
                    out.append(String.format("\\u%04x", (int) c));
                } else {
                    out.append(c);
                }
            }
            return out.toString();
        }
    }

    public static void main(String[] arguments) throws Exception {
        VelocityEngine engine = new VelocityEngine();
        engine.setProperty(
                "runtime.log.logsystem.class", "org.apache.velocity.runtime.log.NullLogChute");
        engine.init();
        BufferedReader in =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, true, "UTF-8");
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] parts = line.split(" ");
            Map<String, Object> input = new HashMap<>();
            for (int i = 1; i + 1 < parts.length; i += 2) {
                String name = decode(parts[i]);
                String text = decode(parts[i + 1]);
                if (!name.startsWith("#")) {
                    input.put(name, text);
                } else if (text.equals("true") || text.equals("false")) {
                    input.put(name.substring(1), Boolean.valueOf(text));
                } else {
                    input.put(name.substring(1), Long.valueOf(text));
                }
            }
            VelocityContext context = new VelocityContext();
            context.put("esc", new Escape());
            context.put("input", input);
            StringWriter rendered = new StringWriter();
            engine.evaluate(context, rendered, "template", decode(parts[0]));
            byte[] bytes = rendered.toString().getBytes(StandardCharsets.UTF_8);
            out.println(Base64.getEncoder().encodeToString(bytes));
        }
    }

    private static String decode(String text) {
        return new String(Base64.getDecoder().decode(text), StandardCharsets.UTF_8);
    }
}
